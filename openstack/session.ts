import { setMaxListeners } from 'node:events';
import { z } from 'zod';
import { ImageStreamError } from '../contracts/errors.js';
import type { Catalogue } from './catalogue.js';
import type { CloudConfig, EndpointInterface } from './cloud-types.js';
import { send, type Answer, type Call } from './http-client.js';
import {
  discoverRoot,
  keystoneRoot,
  onlyProject,
  requestToken,
  type AuthContext,
  type Token,
} from './keystone-auth.js';
import { Transport } from './transport.js';

export interface SessionOptions {
  /** Ends every call of the session. */
  readonly signal?: AbortSignal;
  /** Told each warning once: a retired auth URL, unchecked certificates. */
  readonly onWarning?: (text: string) => void;
  /** @default image-stream */
  readonly userAgent?: string;
}

/** A call to a service; the session adds the token. */
export type SessionCall = Omit<Call, 'headers'> & {
  readonly headers?: Readonly<Record<string, string>>;
  /** False where the body is a stream, which cannot be sent twice. @default true */
  readonly replay?: boolean;
};

/** What tells one cloud and project from another. */
export interface CloudIdentity {
  /** Keystone's v3 root, without trailing slash, however the user wrote it. */
  readonly authUrl: string;
  readonly projectId: string;
}

/** A token this close to its end is not used for a new call. */
const EXPIRY_MARGIN = 120_000;
/** A token of at most this age counts as fresh: batches of small images do not ask for one each. */
const FRESH_AGE = 60_000;

const regionsSchema = z.object({ regions: z.array(z.object({ id: z.string() })) });

interface Grant extends Token {
  readonly grantedAt: number;
}

/**
 * One user in one project of one cloud: authenticates when first needed, again before the token ends and once when a
 * service refuses it, never twice at the same time. `close()` ends its connections.
 */
export class Session {
  readonly config: CloudConfig;
  readonly #options: SessionOptions;
  readonly #closed = new AbortController();
  readonly #warned = new Set<string>();
  #transport: Promise<Transport> | undefined;
  #grant: Grant | undefined;
  /** False once a service refused the token; what came with it (catalogue, project) is still told. */
  #valid = false;
  #pending: Promise<Grant> | undefined;
  #root: string;
  #discovered = false;
  #projectId: string | undefined;

  constructor(config: CloudConfig, options: SessionOptions = {}) {
    this.config = config;
    this.#options = options;
    setMaxListeners(0, this.#closed.signal);
    const { root, retired } = keystoneRoot(config.authUrl);
    this.#root = root;
    for (const warning of config.warnings) this.#warn(warning);
    if (retired)
      this.#warn(`the auth URL ends in /v2.0, which Keystone no longer has: ${root} is used instead`);
  }

  /**
   * Gets a new token, and with it the catalogue as it is now.
   * @throws {ImageStreamError} Unauthorized, KeystoneUnreachable, TlsFailed, ProjectRequired, CloudConfigInvalid
   */
  async authenticate(signal?: AbortSignal): Promise<void> {
    this.#valid = false;
    await this.#granted(signal);
  }

  /** Whether Keystone ever granted a token, so that somebody may be at work with it. */
  get authenticated(): boolean {
    return this.#grant !== undefined;
  }

  get projectId(): string {
    return this.#known().project?.id ?? '';
  }

  get userId(): string {
    return this.#known().user.id;
  }

  /** The names of the roles of the user in the project. */
  get roles(): readonly string[] {
    return this.#known().roles;
  }

  /** The fingerprint of the cloud and project that this session acts on. */
  async identity(signal?: AbortSignal): Promise<CloudIdentity> {
    const { project } = await this.#granted(signal);
    return { authUrl: keystoneRoot(this.config.authUrl).root, projectId: project?.id ?? '' };
  }

  /** Keystone's v3 root, for calls to Keystone itself. */
  async identityRoot(signal?: AbortSignal): Promise<string> {
    await this.#granted(signal);
    const override = this.config.endpointOverrides.identity;
    return override === undefined ? this.#root : keystoneRoot(override).root;
  }

  /** The catalogue that came with the present token; `authenticate()` brings a new one. */
  async catalogue(signal?: AbortSignal): Promise<Catalogue> {
    return (await this.#granted(signal)).catalogue;
  }

  /** The regions that have an endpoint of a service type, sorted. Needs `authenticate()` before. */
  regions(serviceType: string): string[] {
    return this.#known().catalogue.regions(serviceType);
  }

  /** The regions that Keystone knows, those without any endpoint too. */
  async knownRegions(signal?: AbortSignal): Promise<string[]> {
    const root = await this.identityRoot(signal);
    const url = `${root}/regions`;
    const answer = await this.request({
      action: 'identity',
      service: 'Keystone',
      method: 'GET',
      url,
      signal,
    });
    return answer
      .json(regionsSchema)
      .regions.map(({ id }) => id)
      .sort();
  }

  /**
   * The endpoint of a service: an override of the configuration, else the catalogue's of that region and interface.
   * Without a region the configuration's, else the only one that has the service. Needs `authenticate()` before.
   * @throws {ImageStreamError} RegionUnknown, ServicesUnavailable
   */
  endpoint(serviceType: string, region?: string, choice?: EndpointInterface): string {
    const override = this.config.endpointOverrides[serviceType];
    if (override !== undefined) return override;
    return this.#known().catalogue.url({
      serviceType,
      region: region ?? this.config.regionName,
      interface: choice ?? this.config.serviceInterfaces[serviceType] ?? this.config.interface,
    });
  }

  /**
   * Sends a call with the token. A 401 is answered by one new token and one more try.
   * @throws {ImageStreamError} as service-errors.ts judges
   */
  async request(call: SessionCall): Promise<Answer> {
    const { replay = true, ...rest } = call;
    const signal = this.#signal(call.signal);
    const grant = await this.#granted(call.signal);
    const attempt = async (token: Token) =>
      send(await this.#connections(), {
        ...rest,
        signal,
        headers: { ...call.headers, 'user-agent': this.#userAgent(), 'x-auth-token': token.secret.reveal() },
      });
    try {
      return await attempt(grant);
    } catch (error) {
      if (!(error instanceof ImageStreamError) || error.details.status !== 401) throw error;
      if (this.#grant === grant) this.#valid = false;
      if (!replay) throw error;
      return attempt(await this.#granted(call.signal));
    }
  }

  /** Sees to it that the next call has a token with nearly its whole life ahead: for transfers that take long. */
  async freshToken(signal?: AbortSignal): Promise<void> {
    const grant = await this.#granted(signal);
    if (Date.now() - grant.grantedAt > FRESH_AGE) await this.authenticate(signal);
  }

  /** Ends what is under way and all connections. */
  async close(): Promise<void> {
    this.#closed.abort(new ImageStreamError('Cancelled', 'The session with the cloud was closed'));
    await this.#transport?.then(
      (transport) => transport.close(),
      () => undefined,
    );
  }

  #known(): Grant {
    if (!this.#grant) throw new ImageStreamError('Internal', 'A session was asked before it authenticated');
    return this.#grant;
  }

  async #granted(signal?: AbortSignal): Promise<Grant> {
    signal?.throwIfAborted();
    if (this.#grant && this.#valid && !isEnding(this.#grant)) return this.#grant;
    this.#pending ??= this.#obtain().finally(() => {
      this.#pending = undefined;
    });
    return unlessAborted(this.#pending, signal);
  }

  async #obtain(): Promise<Grant> {
    const context: AuthContext = {
      transport: await this.#connections(),
      config: this.config,
      root: this.#root,
      userAgent: this.#userAgent(),
      signal: this.#signal(),
    };
    const grantedAt = Date.now();
    let token = await this.#tokenAt(context);
    if (!token.project) {
      this.#projectId = await onlyProject({ ...context, root: this.#root }, token);
      token = await requestToken({ ...context, root: this.#root }, this.#projectId);
    }
    this.#grant = { ...token, grantedAt };
    this.#valid = true;
    return this.#grant;
  }

  /** Tries the address as the user means it; where that has no v3, Keystone is asked once where it is. */
  async #tokenAt(context: AuthContext): Promise<Token> {
    try {
      return await requestToken(context, this.#projectId);
    } catch (error) {
      const missing = error instanceof ImageStreamError && error.details.status === 404;
      if (!missing || this.#discovered) throw error;
      this.#discovered = true;
      const found = await discoverRoot(context).catch(() => undefined);
      if (found === undefined || found === context.root) throw error;
      this.#root = found;
      return requestToken({ ...context, root: found }, this.#projectId);
    }
  }

  async #connections(): Promise<Transport> {
    this.#closed.signal.throwIfAborted();
    this.#transport ??= Transport.open(this.config);
    return this.#transport;
  }

  #signal(own?: AbortSignal): AbortSignal {
    const signals = [this.#closed.signal, this.#options.signal, own].filter((one) => one !== undefined);
    return AbortSignal.any(signals);
  }

  #userAgent(): string {
    return this.#options.userAgent ?? 'image-stream';
  }

  #warn(text: string): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    this.#options.onWarning?.(text);
  }
}

function isEnding({ lifetime, grantedAt }: Grant): boolean {
  // Clouds with very short tokens would otherwise get a new one for every call.
  return Date.now() - grantedAt > lifetime - Math.min(EXPIRY_MARGIN, lifetime / 4);
}

/** Waits for a promise that others wait for too, so that one caller's cancellation does not end it for all. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () =>
      reject(signal.reason instanceof Error ? signal.reason : new ImageStreamError('Cancelled', 'Cancelled'));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
