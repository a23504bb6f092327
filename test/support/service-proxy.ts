import { once } from 'node:events';
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to a request instead of, or on top of, reaching the real service. */
export type Interference =
  /** Answered here; the service never sees it. */
  | { kind: 'status'; status: number; headers?: OutgoingHttpHeaders; body?: string }
  /** The connection is cut on both sides after that many bytes of the request's body went through. */
  | { kind: 'cut'; afterBytes: number }
  /**
   * The request's body stops after that many bytes until `release`; `hit` says that they went through. `silent`: the service does not
   * learn that the client went away meanwhile, as when a machine is lost and not a process.
   */
  | { kind: 'pause'; afterBytes: number; silent?: boolean }
  /** Kept back until `release`, so that a test can kill a worker at this very step. */
  | { kind: 'hold' }
  /** The service did it (`hit`), and its answer is kept back until `release`. */
  | { kind: 'hold-answer' }
  /** The service did it, and nobody is told. */
  | { kind: 'lose-answer' }
  /** The answer's body is changed on its way. */
  | { kind: 'rewrite'; change: (body: string) => string };

export interface RuleOptions {
  method?: string;
  /** Against the path and the query. */
  path?: RegExp;
  /** Content-Length, by which an upload is told from others. */
  length?: number;
  /** How many matching requests it takes; 1 unless said otherwise. */
  times?: number;
  /** Matching requests that pass before. */
  skip?: number;
}

export interface SeenRequest {
  method: string;
  path: string;
  status: number;
  /** Bytes of the request's body that went through. */
  sent: number;
  /** Content-Length. */
  length: number;
  /** X-Auth-Token. */
  token: string | undefined;
}

/** A rule that is in force; `hit` resolves when the first request meets it. */
export class Rule {
  readonly hit: Promise<void>;
  count = 0;
  /** The requests that it took. */
  readonly met: SeenRequest[] = [];
  release: () => void = () => undefined;
  readonly released: Promise<void>;
  meet: () => void = () => undefined;

  constructor(
    readonly action: Interference,
    readonly options: RuleOptions,
  ) {
    this.hit = new Promise((resolve) => (this.meet = resolve));
    this.released = new Promise((resolve) => (this.release = resolve));
  }

  takes({ method, url = '', headers }: IncomingMessage): boolean {
    const { times = 1, skip = 0, method: wanted, path, length } = this.options;
    if ((wanted !== undefined && wanted !== method) || (path && !path.test(url))) return false;
    if (length !== undefined && headers['content-length'] !== String(length)) return false;
    this.count += 1;
    return this.count > skip && this.count <= skip + times;
  }
}

/**
 * A proxy in front of a real Keystone, Glance or Swift that interferes with chosen requests: for what the real service cannot
 * be made to do at a chosen moment. Everything else goes through unchanged.
 */
export class ServiceProxy {
  readonly seen: SeenRequest[] = [];
  readonly #rules: Rule[] = [];
  readonly #server: Server;

  private constructor(private readonly upstream: URL) {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.requestTimeout = 0;
  }

  /** `upstream`: the real service's URL, of which only host and port count. */
  static async start(upstream: string, port = 0): Promise<ServiceProxy> {
    const proxy = new ServiceProxy(new URL(upstream));
    await new Promise<void>((resolve) => proxy.#server.listen(port, '127.0.0.1', resolve));
    return proxy;
  }

  /** Scheme, host and port; paths are the service's own. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The first rule that takes a request decides. */
  rule(action: Interference, options: RuleOptions = {}): Rule {
    const rule = new Rule(action, options);
    this.#rules.push(rule);
    return rule;
  }

  clearRules(): void {
    for (const rule of this.#rules.splice(0)) rule.release();
  }

  to(method: string, path: RegExp): SeenRequest[] {
    return this.seen.filter((one) => one.method === method && path.test(one.path));
  }

  async close(): Promise<void> {
    this.clearRules();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/' } = request;
    const { 'x-auth-token': token, 'content-length': length = 0 } = request.headers;
    const seen: SeenRequest = {
      method,
      path,
      status: 0,
      sent: 0,
      length: Number(length),
      token: token?.toString(),
    };
    this.seen.push(seen);
    const rule = this.#rules.find((one) => one.takes(request));
    const action = rule?.action;
    rule?.met.push(seen);
    if (action?.kind !== 'pause' && action?.kind !== 'hold-answer') rule?.meet();
    if (action?.kind === 'status') {
      seen.status = action.status;
      request.resume();
      response.writeHead(action.status, action.headers).end(action.body ?? '');
      return;
    }
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    if (action?.kind === 'hold') await rule?.released;
    if (response.destroyed) return;
    this.#pass(request, response, seen, rule);
  }

  #pass(request: IncomingMessage, response: ServerResponse, seen: SeenRequest, rule: Rule | undefined): void {
    const action = rule?.action;
    const { hostname, port } = this.upstream;
    const onward = forward({
      host: hostname,
      port,
      method: seen.method,
      path: seen.path,
      headers: { ...request.headers, connection: 'close' },
    });
    const cutBoth = () => {
      onward.destroy();
      request.socket.destroy();
    };
    onward.on('error', () => request.socket.destroy());
    onward.on('response', (answer) => {
      if (action?.kind === 'cut') answer.resume();
      else void relay(answer, response, seen, rule).catch(cutBoth);
    });
    const silent = action?.kind === 'pause' && action.silent === true;
    if (silent) void rule?.released.then(() => onward.destroy());
    else response.on('close', () => response.writableFinished || onward.destroy());
    let held = false;
    const hold = () => {
      held = true;
      request.pause();
      rule?.meet();
      void rule?.released.then(() => {
        held = false;
        request.resume();
      });
    };
    request.on('data', (chunk: Buffer) => {
      const room = action?.kind === 'cut' ? action.afterBytes - seen.sent : Infinity;
      const piece = chunk.subarray(0, Math.max(0, room));
      seen.sent += piece.length;
      if (!onward.write(piece)) {
        request.pause();
        onward.once('drain', () => held || request.resume());
      }
      if (piece.length < chunk.length) cutBoth();
      const before = seen.sent - piece.length;
      if (action?.kind === 'pause' && before < action.afterBytes && seen.sent >= action.afterBytes) hold();
    });
    request.on('end', () => (action?.kind === 'cut' ? cutBoth() : onward.end()));
  }
}

async function relay(
  answer: IncomingMessage,
  response: ServerResponse,
  seen: SeenRequest,
  rule: Rule | undefined,
): Promise<void> {
  const action = rule?.action;
  seen.status = answer.statusCode ?? 0;
  if (action?.kind === 'lose-answer') {
    answer.resume();
    await once(answer, 'end');
    response.socket?.destroy();
    return;
  }
  if (action?.kind === 'hold-answer') {
    rule?.meet();
    await rule?.released;
  }
  const headers: OutgoingHttpHeaders = { ...answer.headers };
  delete headers['transfer-encoding'];
  delete headers.connection;
  if (action?.kind !== 'rewrite') {
    response.writeHead(seen.status, headers);
    answer.pipe(response);
    return;
  }
  const parts: Buffer[] = [];
  for await (const part of answer as AsyncIterable<Buffer>) parts.push(part);
  const body = Buffer.from(action.change(Buffer.concat(parts).toString('utf8')));
  response.writeHead(seen.status, { ...headers, 'content-length': body.length }).end(body);
}
