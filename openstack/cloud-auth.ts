import { Secret } from './secret.js';
import type { AuthMethod, KeystoneUser, Named, ProjectScope } from './cloud-types.js';
import type { Settings } from './cloud-settings.js';

/** Where nobody says which domain, it is the one that Keystone's bootstrap makes. */
const DEFAULT_DOMAIN: Named = { id: 'default' };

/** auth_type by what it means here; the v2 ones are spoken as v3. */
const AUTH_KINDS: Readonly<Record<string, AuthMethod['kind']>> = {
  password: 'password',
  v3password: 'password',
  v2password: 'password',
  token: 'token',
  v3token: 'token',
  v2token: 'token',
  v3applicationcredential: 'application-credential',
  application_credential: 'application-credential',
};

/**
 * How to authenticate. Without auth_type the keys decide: an application credential, then a token, then a password.
 * @throws {ImageStreamError} CloudConfigInvalid for a type that is not spoken or a key that is missing
 */
export function readAuth(settings: Settings): AuthMethod {
  const kind = authKind(settings);
  if (kind === 'token') {
    const token = settings.text('token', 'auth_token');
    if (token === undefined) throw settings.missing('token');
    return { kind, token: new Secret(token) };
  }
  if (kind === 'password') {
    const password = settings.text('password');
    if (password === undefined) throw settings.missing('password');
    return { kind, password: new Secret(password), ...readUser(settings) };
  }
  const secret = settings.text('application_credential_secret');
  if (secret === undefined) throw settings.missing('application_credential_secret');
  const id = settings.text('application_credential_id');
  const name = settings.text('application_credential_name');
  if (id !== undefined) return { kind, credential: { id }, secret: new Secret(secret) };
  if (name === undefined) throw settings.missing('application_credential_id');
  return { kind, credential: { name, ...readUser(settings) }, secret: new Secret(secret) };
}

/**
 * The project to work in, or undefined where none is named. An application credential carries its own.
 * @throws {ImageStreamError} CloudConfigInvalid for scopes that hold no images: system, trust
 */
export function readScope(settings: Settings): ProjectScope | undefined {
  for (const key of ['system_scope', 'trust_id']) {
    if (settings.text(key) !== undefined) {
      throw settings.invalid(key, 'is not supported: images belong to a project, so name a project instead');
    }
  }
  if (authKind(settings) === 'application-credential') return undefined;
  const id = settings.text('project_id', 'tenant_id');
  const name = settings.text('project_name', 'tenant_name');
  if (id !== undefined) return { project: { id }, domain: readDomain(settings, 'project') };
  return name === undefined ? undefined : { project: { name }, domain: readDomain(settings, 'project') };
}

function authKind(settings: Settings): AuthMethod['kind'] {
  const type = settings.text('auth_type', 'auth_plugin');
  if (type !== undefined) {
    const kind = Object.hasOwn(AUTH_KINDS, type) ? AUTH_KINDS[type] : undefined;
    if (!kind) {
      throw settings.invalid(
        'auth_type',
        'is none of password, v3password, token, v3token, v3applicationcredential',
      );
    }
    // openstacksdk's files say `auth_type: password` by habit, so a token beside it without a password counts.
    const onlyToken =
      settings.text('token', 'auth_token') !== undefined && settings.text('password') === undefined;
    return type === 'password' && onlyToken ? 'token' : kind;
  }
  if (settings.text('application_credential_id', 'application_credential_name') !== undefined) {
    return 'application-credential';
  }
  return settings.text('token', 'auth_token') === undefined ? 'password' : 'token';
}

function readUser(settings: Settings): KeystoneUser {
  const id = settings.text('user_id');
  const name = settings.text('username', 'user_name');
  if (id !== undefined) return { user: { id }, domain: readDomain(settings, 'user') };
  if (name === undefined) throw settings.missing('username');
  return { user: { name }, domain: readDomain(settings, 'user') };
}

/** The domain of the user or the project: its own keys, then `domain_*` for both, then `default_domain*`. */
function readDomain(settings: Settings, of: 'user' | 'project'): Named {
  const pairs: [id: string[], name: string[]][] = [
    [[`${of}_domain_id`], [`${of}_domain_name`]],
    [['domain_id'], ['domain_name']],
    [['default_domain_id', 'default_domain'], ['default_domain_name']],
  ];
  for (const [ids, names] of pairs) {
    const id = settings.text(...ids);
    if (id !== undefined) return { id };
    const name = settings.text(...names);
    if (name !== undefined) return { name };
  }
  return DEFAULT_DOMAIN;
}
