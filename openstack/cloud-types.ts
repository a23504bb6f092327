import type { Secret } from './secret.js';

/** Which of a service's endpoints is used. */
export type EndpointInterface = 'public' | 'internal' | 'admin';

/** A Keystone object by id, or by name where only that is known. */
export type Named = { readonly id: string } | { readonly name: string };

export interface KeystoneUser {
  readonly user: Named;
  /** Needed by Keystone where the user is given by name. */
  readonly domain: Named;
}

/** How the session proves who it is; the secrets are wrapped so that a dump does not show them. */
export type AuthMethod =
  | ({ readonly kind: 'password'; readonly password: Secret } & KeystoneUser)
  | { readonly kind: 'token'; readonly token: Secret }
  | {
      readonly kind: 'application-credential';
      readonly credential: { readonly id: string } | ({ readonly name: string } & KeystoneUser);
      readonly secret: Secret;
    };

export interface ProjectScope {
  readonly project: Named;
  readonly domain: Named;
}

export interface TlsOptions {
  /** False only where the user asked for `insecure` or `verify: false`. */
  readonly verify: boolean;
  /** Paths of PEM files; a CA file replaces the system's roots, as in openstacksdk. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** The proxies of the environment; a proxy URL may hold a password. */
export interface Proxies {
  readonly http?: Secret;
  readonly https?: Secret;
  /** NO_PROXY as it was written. */
  readonly except: string;
}

/** All that is needed to talk to one cloud as one user, from clouds.yaml or the OS_* variables. */
export interface CloudConfig {
  /** The entry's name in clouds.yaml, or `envvars`. */
  readonly name: string;
  /** The file it came from, or `environment`. */
  readonly source: string;
  readonly authUrl: string;
  readonly auth: AuthMethod;
  /** Absent: the user's default project, or the only one. */
  readonly scope?: ProjectScope;
  readonly regionName?: string;
  /** The regions that the entry lists; empty where it lists none. */
  readonly regions: readonly string[];
  readonly interface: EndpointInterface;
  /** Interface for one service type only, as in `image_interface`. */
  readonly serviceInterfaces: Readonly<Record<string, EndpointInterface>>;
  /** URL by service type (`image`, `object-store`, `identity`), used instead of the catalogue's. */
  readonly endpointOverrides: Readonly<Record<string, string>>;
  readonly tls: TlsOptions;
  readonly proxies: Proxies;
  /** What the user should know but what stops nothing; a session reports each once. */
  readonly warnings: readonly string[];
}

/** What may be said about a cloud in messages and digests. */
export interface CloudDescription {
  readonly name: string;
  readonly source: string;
  readonly authUrl: string;
  readonly auth: AuthMethod['kind'];
  readonly user?: string;
  readonly userDomain?: string;
  readonly project?: string;
  readonly projectDomain?: string;
  readonly region?: string;
  readonly interface: EndpointInterface;
}
