import { z } from 'zod';
import { ImageStreamError } from '../contracts/errors.js';
import { catalogueSchema, Catalogue } from './catalogue.js';
import type { CloudConfig, KeystoneUser, Named } from './cloud-types.js';
import { send, type Answer, type Call } from './http-client.js';
import { Secret } from './secret.js';
import type { Transport } from './transport.js';

/** What Keystone grants. */
export interface Token {
  readonly secret: Secret;
  /** Milliseconds that it lives, by Keystone's own clock, so that a wrong clock here does no harm. */
  readonly lifetime: number;
  readonly user: { readonly id: string; readonly name: string };
  /** Absent in an unscoped token. */
  readonly project?: { readonly id: string; readonly name: string };
  readonly roles: readonly string[];
  readonly catalogue: Catalogue;
}

const named = z.object({ id: z.string(), name: z.string().default('') });

const tokenSchema = z.object({
  token: z.object({
    expires_at: z.iso.datetime({ offset: true }),
    issued_at: z.iso.datetime({ offset: true }),
    user: named,
    project: named.nullish(),
    roles: z.array(z.object({ name: z.string() })).default([]),
    catalog: catalogueSchema.default([]),
  }),
});

const projectsSchema = z.object({ projects: z.array(named.extend({ enabled: z.boolean().default(true) })) });

const versionsSchema = z.object({
  versions: z.object({
    values: z.array(
      z.object({
        id: z.string(),
        links: z.array(z.object({ rel: z.string(), href: z.string() })).default([]),
      }),
    ),
  }),
});

export interface AuthContext {
  readonly transport: Transport;
  readonly config: CloudConfig;
  /** Keystone's v3 root, without trailing slash. */
  readonly root: string;
  readonly userAgent: string;
  readonly signal?: AbortSignal | undefined;
}

/** Keystone's v3 root for an auth URL as users write it: with /v3, with the retired /v2.0, or without a version. */
export function keystoneRoot(authUrl: string): { root: string; retired: boolean } {
  const url = new URL(authUrl);
  const path = url.pathname.replace(/\/+$/, '');
  const retired = /\/v2\.0$/.test(path);
  url.pathname = /\/v3$/.test(path) ? path : `${path.replace(/\/v2\.0$/, '')}/v3`;
  return { root: url.href.replace(/\/+$/, ''), retired };
}

/**
 * Asks the unversioned address where v3 is (Identity API, "List versions"). Only an address that is not less safe than
 * the one the user gave is taken, since credentials go there.
 */
export async function discoverRoot(context: AuthContext): Promise<string | undefined> {
  const base = context.root.replace(/\/v3$/, '/');
  const answer = await send(
    context.transport,
    call(context, 'GET', base, { expect: [200, 300], purpose: 'discover its versions' }),
  );
  const v3 = answer.json(versionsSchema).versions.values.find(({ id }) => id.startsWith('v3'));
  const href = v3?.links.find(({ rel }) => rel === 'self')?.href;
  if (href === undefined || !URL.canParse(href, base)) return undefined;
  const found = new URL(href, base);
  return found.protocol === 'https:' || new URL(base).protocol === 'http:'
    ? found.href.replace(/\/+$/, '')
    : undefined;
}

/**
 * Gets a token for a project; without one, Keystone takes the user's default project, if there is one.
 * @throws {ImageStreamError} Unauthorized, KeystoneUnreachable, TlsFailed, CloudConfigInvalid
 */
export async function requestToken(context: AuthContext, projectId?: string): Promise<Token> {
  const answer = await send(
    context.transport,
    call(context, 'POST', `${context.root}/auth/tokens`, {
      purpose: purpose(context.config),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth: authBody(context.config, projectId) }),
    }),
  );
  return parseToken(answer);
}

/**
 * The only project of a user who has no default project.
 * @throws {ImageStreamError} ProjectRequired, listing the projects to choose from
 */
export async function onlyProject(context: AuthContext, unscoped: Token): Promise<string> {
  const answer = await send(
    context.transport,
    call(context, 'GET', `${context.root}/auth/projects`, {
      action: 'identity',
      purpose: 'list the projects of the user',
      headers: { 'x-auth-token': unscoped.secret.reveal() },
    }),
  );
  const projects = answer.json(projectsSchema).projects.filter(({ enabled }) => enabled);
  const [only] = projects;
  if (only && projects.length === 1) return only.id;
  const choices = projects.map(({ id, name }) => `${name} (${id})`);
  throw new ImageStreamError(
    'ProjectRequired',
    only
      ? `No project was named and ${unscoped.user.name} has several: ${choices.join(', ')}`
      : `No project was named and ${unscoped.user.name} has none`,
    {
      ...(!only && { hint: 'Ask an administrator for a role in a project.' }),
      details: { projects: projects.map(({ name }) => name) },
    },
  );
}

function call(context: AuthContext, method: Call['method'], url: string, rest: Partial<Call>): Call {
  return {
    action: 'authenticate',
    service: 'Keystone',
    method,
    url,
    signal: context.signal,
    ...rest,
    headers: { 'user-agent': context.userAgent, ...rest.headers },
  };
}

function purpose({ auth, scope }: CloudConfig): string {
  const label = (one: Named) => ('name' in one ? one.name : one.id);
  const who = auth.kind === 'password' ? `as ${label(auth.user)}` : `with the ${auth.kind.replace('-', ' ')}`;
  return `authenticate ${who}${scope ? ` in project ${label(scope.project)}` : ''}`;
}

/** The body of POST /v3/auth/tokens (Identity API v3). */
function authBody({ auth, scope }: CloudConfig, projectId: string | undefined): Record<string, unknown> {
  const user = (one: KeystoneUser) => ('id' in one.user ? one.user : { ...one.user, domain: one.domain });
  const scoped = projectId !== undefined ? { scope: { project: { id: projectId } } } : scopeBody(scope);
  switch (auth.kind) {
    case 'password':
      return {
        identity: {
          methods: ['password'],
          password: { user: { ...user(auth), password: auth.password.reveal() } },
        },
        ...scoped,
      };
    case 'token':
      return { identity: { methods: ['token'], token: { id: auth.token.reveal() } }, ...scoped };
    case 'application-credential': {
      const { credential } = auth;
      const which = 'id' in credential ? credential : { name: credential.name, user: user(credential) };
      // It carries its project: Keystone refuses a scope beside it.
      return {
        identity: {
          methods: ['application_credential'],
          application_credential: { ...which, secret: auth.secret.reveal() },
        },
      };
    }
  }
}

function scopeBody(scope: CloudConfig['scope']): Record<string, unknown> {
  if (!scope) return {};
  return {
    scope: { project: 'id' in scope.project ? scope.project : { ...scope.project, domain: scope.domain } },
  };
}

function parseToken(answer: Answer): Token {
  const { token } = answer.json(tokenSchema);
  const secret = answer.header('x-subject-token');
  if (secret === undefined) {
    throw new ImageStreamError(
      'KeystoneUnreachable',
      'Keystone answered without a token in X-Subject-Token',
      {
        hint: 'Check that nothing between here and Keystone drops headers.',
      },
    );
  }
  return {
    secret: new Secret(secret),
    lifetime: Date.parse(token.expires_at) - Date.parse(token.issued_at),
    user: token.user,
    ...(token.project && { project: token.project }),
    roles: token.roles.map(({ name }) => name),
    catalogue: Catalogue.parse(token.catalog),
  };
}
