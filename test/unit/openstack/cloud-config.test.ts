import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeCloud, loadCloud, type CloudConfig } from '../../../openstack/index.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'clouds-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function write(file: string, content: string): Promise<string> {
  const whole = path.join(folder, file);
  await mkdir(path.dirname(whole), { recursive: true });
  await writeFile(whole, content);
  return whole;
}

/** Loads from the test's folder only: its home, its XDG folder and its working folder. */
async function load(name?: string, env: NodeJS.ProcessEnv = {}): Promise<CloudConfig> {
  return loadCloud(name, { env: { HOME: path.join(folder, 'home'), ...env }, cwd: path.join(folder, 'cwd') });
}

const PROD = `
clouds:
  prod:
    region_name: RegionTwo
    auth:
      auth_url: https://keystone.example.com:5000/v3/
      username: alice
      password: s3cret-word
      project_name: images
      user_domain_name: people
      project_domain_name: things
`;

const ENVIRONMENT = {
  OS_AUTH_URL: 'http://10.0.0.1:5000/v2.0',
  OS_USERNAME: 'admin',
  OS_PASSWORD: 's3cret-word',
};

test('an entry of clouds.yaml gives user, project, domains and region', async () => {
  await write('cwd/clouds.yaml', PROD);
  const config = await load('prod');
  expect(describeCloud(config)).toEqual({
    name: 'prod',
    source: path.join(folder, 'cwd/clouds.yaml'),
    authUrl: 'https://keystone.example.com:5000/v3',
    auth: 'password',
    user: 'alice',
    userDomain: 'people',
    project: 'images',
    projectDomain: 'things',
    region: 'RegionTwo',
    interface: 'public',
  });
  expect(config.auth).toMatchObject({ kind: 'password', user: { name: 'alice' } });
  expect(config.tls).toEqual({ verify: true });
});

test('no dump of a cloud shows its password', async () => {
  const config = await load(undefined, { ...ENVIRONMENT, HTTP_PROXY: 'http://joe:pr0xyword@proxy:3128' });
  for (const text of [
    inspect(config, { depth: 9, showHidden: true }),
    JSON.stringify(config),
    JSON.stringify(describeCloud(config)),
  ]) {
    expect(text).not.toMatch(/s3cret-word|pr0xyword/);
  }
  expect(config.auth.kind === 'password' && config.auth.password.reveal()).toBe('s3cret-word');
});

test('the first place that has a clouds.yaml is the one that counts', async () => {
  const entry = (user: string) =>
    `clouds: {prod: {auth: {auth_url: 'http://k/v3', username: ${user}, password: x}}}`;
  await write('home/.config/openstack/clouds.yml', entry('home'));
  expect(describeCloud(await load('prod')).user).toBe('home');
  await write(
    'xdg/openstack/clouds.json',
    '{"clouds": {"prod": {"auth": {"auth_url": "http://k", "username": "xdg", "password": "x"}}}}',
  );
  const XDG_CONFIG_HOME = path.join(folder, 'xdg');
  expect(describeCloud(await load('prod', { XDG_CONFIG_HOME })).user).toBe('xdg');
  await write('cwd/clouds.yaml', entry('cwd'));
  expect(describeCloud(await load('prod', { XDG_CONFIG_HOME })).user).toBe('cwd');
  const OS_CLIENT_CONFIG_FILE = await write('other.yaml', entry('named'));
  expect(describeCloud(await load('prod', { XDG_CONFIG_HOME, OS_CLIENT_CONFIG_FILE })).user).toBe('named');
});

test('secure.yaml fills in what clouds.yaml leaves out, from another place too', async () => {
  await write('cwd/clouds.yaml', PROD.replace(/ *password:.*\n/, ''));
  await expect(load('prod')).rejects.toMatchObject({
    code: 'CloudConfigInvalid',
    details: { key: 'password' },
  });
  await write('home/.config/openstack/secure.yaml', 'clouds: {prod: {auth: {password: hidden-elsewhere}}}');
  const { auth } = await load('prod');
  expect(auth.kind === 'password' && auth.password.reveal()).toBe('hidden-elsewhere');
});

test('a profile of clouds-public.yaml lends what the entry does not say itself', async () => {
  await write(
    'cwd/clouds.yaml',
    'clouds: {mine: {profile: vendor, region_name: B, auth: {username: u, password: p}}}',
  );
  await write(
    'cwd/clouds-public.yaml',
    'public-clouds: {vendor: {auth: {auth_url: "https://{region_name}.example.com/v3"}, region_name: A, interface: internal}}',
  );
  const config = await load('mine');
  expect(config).toMatchObject({
    authUrl: 'https://b.example.com/v3',
    regionName: 'B',
    interface: 'internal',
  });
});

test('a profile that nothing defines is warned about', async () => {
  await write('cwd/clouds.yaml', PROD.replace('prod:', 'prod:\n    profile: nowhere'));
  expect((await load('prod')).warnings).toEqual([expect.stringContaining('no profile nowhere')]);
});

test('anchors and merge keys work, and scalars keep their spelling', async () => {
  await write(
    'cwd/clouds.yaml',
    `
base: &base {auth_url: http://k/v3, username: u, project_id: 12e45}
clouds:
  one: {auth: {<<: *base, password: 0123}}
  two: {auth: {<<: *base, password: true, project_id: null, project_name: ''}}
`,
  );
  const one = await load('one');
  expect(one.auth.kind === 'password' && one.auth.password.reveal()).toBe('0123');
  expect(one.scope).toMatchObject({ project: { id: '12e45' } });
  expect((await load('two')).scope).toBeUndefined();
});

test('a name that is not there is refused with the names that are', async () => {
  await write('cwd/clouds.yaml', PROD);
  await expect(load('staging')).rejects.toMatchObject({
    code: 'UnknownCloud',
    exit: 2,
    details: { names: ['prod'] },
  });
  await expect(load('envvars')).rejects.toMatchObject({ code: 'UnknownCloud' });
  await expect(load('staging', ENVIRONMENT)).rejects.toThrow(
    /no cloud named staging: there is envvars, prod/,
  );
  await expect(load('__proto__')).rejects.toMatchObject({ code: 'UnknownCloud' });
});

test('without a name OS_CLOUD is first, then the variables, then the only entry', async () => {
  await write('cwd/clouds.yaml', PROD);
  expect((await load()).name).toBe('prod');
  expect((await load(undefined, ENVIRONMENT)).name).toBe('envvars');
  expect((await load(undefined, { ...ENVIRONMENT, OS_CLOUD: 'prod' })).name).toBe('prod');
  expect((await load('envvars', { ...ENVIRONMENT, OS_CLOUD: 'prod' })).name).toBe('envvars');
  expect((await load(undefined, { ...ENVIRONMENT, OS_CLOUD_NAME: 'mine' })).name).toBe('mine');
});

test('OS_REGION_NAME chooses a region only where the environment chose the cloud', async () => {
  await write('cwd/clouds.yaml', PROD);
  expect((await load(undefined, { OS_CLOUD: 'prod', OS_REGION_NAME: 'Three' })).regionName).toBe('Three');
  expect((await load('prod', { OS_REGION_NAME: 'Three', OS_PASSWORD: 'other' })).regionName).toBe(
    'RegionTwo',
  );
});

test('with nothing at all the message says where clouds come from', async () => {
  await expect(load()).rejects.toMatchObject({
    code: 'UnknownCloud',
    message: 'No cloud was named: no clouds.yaml and no OS_* variables were found',
  });
});

test('the oldest how-to, user, password and auth URL, is enough', async () => {
  const config = await load(undefined, ENVIRONMENT);
  expect(config).toMatchObject({
    authUrl: 'http://10.0.0.1:5000/v2.0',
    auth: { user: { name: 'admin' }, domain: { id: 'default' } },
  });
  expect(config.scope).toBeUndefined();
});

test.each([
  [{ OS_TENANT_NAME: 'old' }, { project: { name: 'old' }, domain: { id: 'default' } }],
  [
    { OS_TENANT_NAME: 'old', OS_PROJECT_NAME: 'new' },
    { project: { name: 'new' }, domain: { id: 'default' } },
  ],
  [
    { OS_PROJECT_ID: 'abc', OS_PROJECT_NAME: 'new' },
    { project: { id: 'abc' }, domain: { id: 'default' } },
  ],
  [
    { OS_PROJECT_NAME: 'p', OS_DOMAIN_NAME: 'both' },
    { project: { name: 'p' }, domain: { name: 'both' } },
  ],
  [
    { OS_PROJECT_NAME: 'p', OS_DEFAULT_DOMAIN: 'd' },
    { project: { name: 'p' }, domain: { id: 'd' } },
  ],
  [
    { OS_PROJECT_NAME: 'p', OS_PROJECT_DOMAIN_ID: 'i', OS_PROJECT_DOMAIN_NAME: 'n' },
    { project: { name: 'p' }, domain: { id: 'i' } },
  ],
])('the project of %j is found', async (variables, scope) => {
  expect((await load(undefined, { ...ENVIRONMENT, ...variables })).scope).toEqual(scope);
});

test.each([
  [{ OS_TOKEN: 't' }, { kind: 'token' }],
  [{ OS_AUTH_TOKEN: 't', OS_AUTH_TYPE: 'v3token' }, { kind: 'token' }],
  [{ OS_TOKEN: 't', OS_AUTH_TYPE: 'password', OS_PASSWORD: '' }, { kind: 'token' }],
  [
    { OS_USER_ID: 'u1', OS_AUTH_TYPE: 'v3password' },
    { kind: 'password', user: { id: 'u1' } },
  ],
  [
    { OS_APPLICATION_CREDENTIAL_ID: 'c', OS_APPLICATION_CREDENTIAL_SECRET: 's' },
    { kind: 'application-credential', credential: { id: 'c' } },
  ],
  [
    { OS_APPLICATION_CREDENTIAL_NAME: 'c', OS_APPLICATION_CREDENTIAL_SECRET: 's', OS_USER_DOMAIN_NAME: 'd' },
    {
      kind: 'application-credential',
      credential: { name: 'c', user: { name: 'admin' }, domain: { name: 'd' } },
    },
  ],
])('the way to authenticate of %j is found', async (variables, auth) => {
  expect((await load(undefined, { ...ENVIRONMENT, ...variables })).auth).toMatchObject(auth);
});

test('an application credential takes no project beside it', async () => {
  const variables = {
    OS_APPLICATION_CREDENTIAL_ID: 'c',
    OS_APPLICATION_CREDENTIAL_SECRET: 's',
    OS_PROJECT_NAME: 'p',
  };
  expect((await load(undefined, { ...ENVIRONMENT, ...variables })).scope).toBeUndefined();
});

test.each([
  ['auth_type', { OS_AUTH_TYPE: 'v3oidcpassword' }],
  ['auth_url', { OS_AUTH_URL: '' }],
  ['auth_url', { OS_AUTH_URL: 'keystone:5000' }],
  ['auth_url', { OS_AUTH_URL: 'http://me:s3cret-word@keystone:5000' }],
  ['username', { OS_USERNAME: '' }],
  ['system_scope', { OS_SYSTEM_SCOPE: 'all' }],
  ['trust_id', { OS_TRUST_ID: 's3cret-word' }],
  ['interface', { OS_INTERFACE: 'outside' }],
  ['insecure', { OS_INSECURE: 'perhaps' }],
  ['application_credential_secret', { OS_APPLICATION_CREDENTIAL_ID: 'c' }],
])('a wrong %s is named without its value', async (key, variables) => {
  const error: unknown = await load(undefined, { ...ENVIRONMENT, ...variables }).catch(
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'CloudConfigInvalid', exit: 2, details: { key } });
  expect(String(error)).toContain(`OS_${key.toUpperCase()}`);
  expect(String(error)).not.toContain('s3cret-word');
});

test.each([
  [{ OS_INTERFACE: 'internal' }, 'internal'],
  [{ OS_ENDPOINT_TYPE: 'internalURL' }, 'internal'],
  [{ OS_ENDPOINT_TYPE: 'internalURL', OS_INTERFACE: 'admin' }, 'admin'],
  [{}, 'public'],
])('%j means the interface %s', async (variables, expected) => {
  expect((await load(undefined, { ...ENVIRONMENT, ...variables })).interface).toBe(expected);
});

test('endpoints and interfaces of single services are kept apart', async () => {
  const config = await load(undefined, {
    ...ENVIRONMENT,
    OS_IMAGE_ENDPOINT_OVERRIDE: 'http://glance:9292/',
    OS_OBJECT_STORE_ENDPOINT: 'http://swift/v1/AUTH_x',
    OS_IMAGE_INTERFACE: 'internal',
  });
  expect(config.endpointOverrides).toEqual({
    image: 'http://glance:9292',
    'object-store': 'http://swift/v1/AUTH_x',
  });
  expect(config.serviceInterfaces).toEqual({ image: 'internal' });
});

test.each([
  [{ OS_INSECURE: 'True' }, false],
  [{ OS_INSECURE: '0' }, true],
  [{ OS_VERIFY: 'no' }, false],
  [{ OS_INSECURE: 'no' }, true],
])('%j decides whether certificates are checked, and says so', async (variables, verify) => {
  const config = await load(undefined, { ...ENVIRONMENT, ...variables });
  expect(config.tls.verify).toBe(verify);
  expect(config.warnings).toHaveLength(verify ? 0 : 1);
});

test('certificate files may begin with the home folder', async () => {
  const { tls } = await load(undefined, {
    ...ENVIRONMENT,
    OS_CACERT: '~/ca.pem',
    OS_CERT: '/c.pem',
    OS_KEY: '/k.pem',
  });
  expect(tls).toEqual({
    verify: true,
    caFile: path.join(os.homedir(), 'ca.pem'),
    certFile: '/c.pem',
    keyFile: '/k.pem',
  });
});

test('the regions of an entry are listed, and the values of the chosen one win', async () => {
  await write(
    'cwd/clouds.yaml',
    PROD.replace(
      'region_name: RegionTwo',
      'regions: [A, {name: B, values: {image_endpoint_override: "http://b:9292", auth: {project_name: in-b}}}]',
    ),
  );
  expect(await load('prod')).toMatchObject({ regions: ['A', 'B'], regionName: 'A', endpointOverrides: {} });
  const inB = await load(undefined, { OS_CLOUD: 'prod', OS_REGION_NAME: 'B' });
  expect(inB).toMatchObject({
    endpointOverrides: { image: 'http://b:9292' },
    scope: { project: { name: 'in-b' } },
  });
});

test('a file that is no YAML is named with line and key, and with nothing of its values', async () => {
  for (const broken of [
    '    password: *s3cret-word\n',
    '    password: "s3cret-word\n',
    '    password: s3cret-word: x\n',
    '    password: !s3cret-word x\n',
  ]) {
    const file = await write('cwd/clouds.yaml', `clouds:\n  prod:\n${broken}`);
    const error: unknown = await load('prod').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'CloudConfigInvalid', exit: 2 });
    expect(String(error)).toContain(file);
    expect(String(error)).toMatch(/line \d/);
    expect(String(error)).not.toContain('s3cret');
  }
});

test.each(['- a\n- b\n', 'clouds: [a]\n', 'clouds: {prod: text}\n', 'clouds: {prod: {auth: text}}\n'])(
  'a file of another shape is refused: %j',
  async (content) => {
    await write('cwd/clouds.yaml', content);
    await expect(load('prod')).rejects.toMatchObject({ code: 'CloudConfigInvalid' });
  },
);

test('an empty file of clouds is as good as none', async () => {
  await write('cwd/clouds.yaml', '');
  await expect(load('prod')).rejects.toMatchObject({ code: 'UnknownCloud' });
});

test('a named file that cannot be read is warned about, and the search goes on', async () => {
  await write('cwd/clouds.yaml', PROD);
  const config = await load('prod', { OS_CLIENT_CONFIG_FILE: path.join(folder, 'missing.yaml') });
  expect(config.warnings).toEqual([expect.stringContaining('missing.yaml')]);
});

test('proxies come from the environment in either case, and a bad one is refused', async () => {
  const config = await load(undefined, {
    ...ENVIRONMENT,
    http_proxy: 'proxy:3128',
    ALL_PROXY: 'http://all:1',
    NO_PROXY: 'a,b',
  });
  expect([config.proxies.http?.reveal(), config.proxies.https?.reveal()]).toEqual([
    'http://proxy:3128',
    'http://all:1',
  ]);
  expect(config.proxies.except).toBe('a,b');
  await expect(load(undefined, { ...ENVIRONMENT, https_proxy: 'ftp://p' })).rejects.toMatchObject({
    code: 'CloudConfigInvalid',
  });
});
