import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Session, type CloudConfig, type SessionOptions } from '../../../openstack/index.js';
import { Secret } from '../../../openstack/secret.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that fails on demand, which the real services cannot: it grants tokens unless `routes` say otherwise. */
export class Loopback {
  readonly seen: { method: string; url: string; token: string | undefined }[] = [];
  /** By method and path, without the query; the last handler stays. */
  readonly routes = new Map<string, Handler[]>();
  /** Seconds that a granted token lives. */
  tokenLife = 3600;
  granted = 0;
  readonly #server: Server;
  readonly #sessions: Session[] = [];

  constructor(server: Server = createServer()) {
    this.#server = server.on('request', (request: IncomingMessage, response: ServerResponse) =>
      this.#answer(request, response),
    );
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The next answers to a method and path; after them the last one repeats. */
  on(route: string, ...handlers: Handler[]): void {
    this.routes.set(route, handlers);
  }

  count(route: string): number {
    return this.seen.filter(({ method, url }) => `${method} ${url.split('?')[0] ?? ''}` === route).length;
  }

  config(changes: Partial<CloudConfig> = {}): CloudConfig {
    return {
      name: 'loopback',
      source: 'test',
      authUrl: `${this.url}/v3`,
      auth: {
        kind: 'password',
        user: { name: 'alice' },
        domain: { id: 'default' },
        password: new Secret('s3cret-word'),
      },
      scope: { project: { name: 'images' }, domain: { id: 'default' } },
      regions: [],
      interface: 'public',
      serviceInterfaces: {},
      endpointOverrides: {},
      tls: { verify: true },
      proxies: { except: '' },
      warnings: [],
      ...changes,
    };
  }

  session(changes: Partial<CloudConfig> = {}, options?: SessionOptions): Session {
    const session = new Session(this.config(changes), options);
    this.#sessions.push(session);
    return session;
  }

  async close(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()));
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '' } = request;
    this.seen.push({ method, url, token: request.headers['x-auth-token']?.toString() });
    const route = `${method} ${url.split('?')[0] ?? ''}`;
    const handlers = this.routes.get(route);
    const handler = handlers && handlers.length > 1 ? handlers.shift() : handlers?.[0];
    if (handler) handler(request, response);
    else if (route === 'POST /v3/auth/tokens') this.grant(response);
    else reply(404, 'no such route')(request, response);
  }

  /** Answers with a token whose catalogue has this server as the services of two regions. */
  grant(
    response: ServerResponse,
    project: { id: string; name: string } | null = { id: 'p1', name: 'images' },
  ): void {
    this.granted += 1;
    const now = Date.now();
    const endpoints = (path: string) =>
      ['one', 'two'].map((region) => ({
        interface: 'public',
        region_id: region,
        region,
        url: `${this.url}/${region}${path}`,
      }));
    response.writeHead(201, {
      'content-type': 'application/json',
      'x-subject-token': `token-${this.granted}`,
    });
    response.end(
      JSON.stringify({
        token: {
          issued_at: new Date(now).toISOString(),
          expires_at: new Date(now + this.tokenLife * 1000).toISOString(),
          user: { id: 'u1', name: 'alice' },
          roles: [{ id: 'r', name: 'member' }],
          ...(project && {
            project,
            catalog: [
              { type: 'image', name: 'glance', endpoints: endpoints('') },
              { type: 'object-store', name: 'swift', endpoints: endpoints('/v1/AUTH_p1') },
            ],
          }),
        },
      }),
    );
  }
}

export function reply(status: number, body: unknown = '', headers: Record<string, string> = {}): Handler {
  return (request, response) => {
    request.resume();
    response.writeHead(status, headers);
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** Cuts the connection without an answer. */
export const cut: Handler = (request) => request.socket.destroy();

/** Never answers. */
export const silence: Handler = () => undefined;
