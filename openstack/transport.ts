import { readFile } from 'node:fs/promises';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import type { CloudConfig, TlsOptions } from './cloud-types.js';
import { exemptFromProxy } from './no-proxy.js';

/** Long enough for a busy controller's accept queue, short enough to notice a dead one. */
const CONNECT_TIMEOUT = 10_000;
/** Keystone and Glance answer in milliseconds to seconds; a database failing over takes up to half a minute. */
export const ANSWER_TIMEOUT = 60_000;

interface Proxy {
  readonly agent: ProxyAgent;
  readonly printable: string;
}

/** The connection pools of one cloud: direct, and through the proxies that the environment names. */
export class Transport {
  readonly #direct: Agent;
  readonly #proxies: ReadonlyMap<string, Proxy>;
  readonly #except: string;

  private constructor(direct: Agent, proxies: ReadonlyMap<string, Proxy>, except: string) {
    this.#direct = direct;
    this.#proxies = proxies;
    this.#except = except;
  }

  /** @throws {ImageStreamError} CloudConfigInvalid where a certificate file cannot be read */
  static async open(config: CloudConfig): Promise<Transport> {
    const tls = await readTls(config.tls);
    const options = {
      headersTimeout: ANSWER_TIMEOUT,
      bodyTimeout: ANSWER_TIMEOUT,
      connect: { timeout: CONNECT_TIMEOUT, ...tls },
    };
    const proxies = new Map<string, Proxy>();
    for (const scheme of ['http', 'https'] as const) {
      const uri = config.proxies[scheme]?.reveal();
      if (uri === undefined) continue;
      // Plain HTTP goes to the proxy as it is: many proxies allow CONNECT to port 443 only.
      const agent = new ProxyAgent({ ...options, uri, requestTls: tls, proxyTls: tls, proxyTunnel: false });
      proxies.set(`${scheme}:`, { agent, printable: printableUrl(uri) });
    }
    return new Transport(new Agent(options), proxies, config.proxies.except);
  }

  dispatcherFor(url: URL): Dispatcher {
    return this.#proxyFor(url)?.agent ?? this.#direct;
  }

  /** The proxy that calls to a URL go through, as it may be printed. */
  proxyOf(url: URL): string | undefined {
    return this.#proxyFor(url)?.printable;
  }

  /** Ends all connections, those in use too. */
  async close(): Promise<void> {
    const agents = [this.#direct, ...[...this.#proxies.values()].map(({ agent }) => agent)];
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  #proxyFor(url: URL): Proxy | undefined {
    const proxy = this.#proxies.get(url.protocol);
    return proxy && !exemptFromProxy(url, this.#except) ? proxy : undefined;
  }
}

interface TlsContext {
  readonly rejectUnauthorized: boolean;
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

async function readTls(tls: TlsOptions): Promise<TlsContext> {
  const [ca, cert, key] = await Promise.all([
    tls.verify ? readPem('cacert', tls.caFile) : undefined,
    readPem('cert', tls.certFile),
    // As in openstacksdk, the certificate's file may hold the key as well.
    readPem('key', tls.keyFile ?? tls.certFile),
  ]);
  return { rejectUnauthorized: tls.verify, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

async function readPem(key: string, file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  let pem: Buffer;
  try {
    pem = await readFile(file);
  } catch (cause) {
    throw new ImageStreamError('CloudConfigInvalid', `The file of ${key}, ${file}, cannot be read`, {
      cause,
    });
  }
  if (!pem.includes('-----BEGIN ')) {
    throw new ImageStreamError('CloudConfigInvalid', `The file of ${key}, ${file}, holds no PEM block`);
  }
  return pem;
}
