import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { loadCloud, Session, type CloudConfig } from '../../openstack/index.js';
import { localCloud, localSession, uniqueName } from '../support/cloud.js';

const opened: Session[] = [];

afterAll(async () => {
  await Promise.all(opened.map((session) => session.close()));
});

async function open(user: Parameters<typeof localSession>[0]): Promise<Session> {
  const session = await localSession(user);
  opened.push(session);
  return session;
}

function sessionFor(config: CloudConfig): Session {
  const session = new Session(config);
  opened.push(session);
  return session;
}

/** The local cloud's auth URL with other OS_* variables beside it. */
async function fromEnvironment(variables: Record<string, string>): Promise<CloudConfig> {
  const { authUrl } = await localCloud();
  return loadCloud(undefined, { env: { OS_AUTH_URL: authUrl, ...variables }, cwd: '/nonexistent' });
}

async function passwordOf(user: Parameters<typeof localCloud>[0]): Promise<string> {
  const { auth } = await localCloud(user);
  if (auth.kind !== 'password') throw new Error('the local cloud has passwords');
  return auth.password.reveal();
}

/** A token of a user, asked for without the session that is tested. */
async function tokenOf(user: Parameters<typeof localCloud>[0], name: string): Promise<string> {
  const { authUrl } = await localCloud(user);
  const answer = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name, domain: { id: 'default' }, password: await passwordOf(user) } },
        },
      },
    }),
  });
  return z.string().parse(answer.headers.get('x-subject-token'));
}

const created = z.record(z.string(), z.looseObject({ id: z.string() }));

/** Makes something in Keystone and gives its id. */
async function make(
  session: Session,
  path: string,
  kind: string,
  fields: Record<string, unknown>,
): Promise<string> {
  const answer = await session.request({
    action: 'identity',
    service: 'Keystone',
    method: 'POST',
    url: `${await session.identityRoot()}${path}`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ [kind]: fields }),
  });
  return answer.json(created)[kind]?.id ?? '';
}

async function call(
  session: Session,
  method: 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<void> {
  await session.request({
    action: 'identity',
    service: 'Keystone',
    method,
    url: `${await session.identityRoot()}${path}`,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    }),
  });
}

test('a password gives a token for the project, with its catalogue', async () => {
  const session = await open('local');
  expect(session.projectId).toMatch(/^[0-9a-f]{32}$/);
  expect(session.roles).toContain('member');
  expect((await session.catalogue()).serviceTypes()).toEqual(
    expect.arrayContaining(['identity', 'image', 'object-store']),
  );
  expect(await session.knownRegions()).toEqual(expect.arrayContaining(session.regions('image')));
});

test('the identity is the same however the auth URL is written', async () => {
  const config = await localCloud();
  const bare = config.authUrl.replace(/\/v3$/, '');
  const expected = { authUrl: `${bare}/v3`, projectId: (await open('local')).projectId };
  for (const authUrl of [bare, `${bare}/`, `${bare}/v3`, `${bare}/v3/`, `${bare}/v2.0`]) {
    expect(await sessionFor({ ...config, authUrl }).identity()).toEqual(expected);
  }
});

test('an auth URL ending in /v2.0 is taken as /v3 and warned about', async () => {
  const config = await localCloud();
  const warnings: string[] = [];
  const authUrl = config.authUrl.replace(/\/v3$/, '/v2.0');
  const session = new Session({ ...config, authUrl }, { onWarning: (text) => warnings.push(text) });
  opened.push(session);
  await session.authenticate();
  expect(warnings).toEqual([expect.stringContaining('/v2.0')]);
});

test('a token of before gives a token for a project', async () => {
  const { projectId } = await open('local-member');
  const token = await tokenOf('local-member', 'member');
  const config = await fromEnvironment({ OS_AUTH_TYPE: 'token', OS_TOKEN: token, OS_PROJECT_ID: projectId });
  const session = sessionFor(config);
  await session.authenticate();
  expect(session.projectId).toBe(projectId);
});

test('an application credential works by id and by name', async () => {
  const owner = await open('local-member');
  const name = uniqueName('credential');
  const secret = uniqueName('secret');
  const path = `/users/${owner.userId}/application_credentials`;
  const id = await make(owner, path, 'application_credential', { name, secret });
  try {
    const byId = { OS_APPLICATION_CREDENTIAL_ID: id, OS_APPLICATION_CREDENTIAL_SECRET: secret };
    const byName = {
      OS_APPLICATION_CREDENTIAL_NAME: name,
      OS_USER_ID: owner.userId,
      OS_APPLICATION_CREDENTIAL_SECRET: secret,
    };
    for (const variables of [byId, byName]) {
      const session = sessionFor(
        await fromEnvironment({ OS_AUTH_TYPE: 'v3applicationcredential', ...variables }),
      );
      await session.authenticate();
      expect(session.projectId).toBe(owner.projectId);
    }
  } finally {
    await call(owner, 'DELETE', `${path}/${id}`);
  }
});

test('user, password and auth URL alone find the only project of the user', async () => {
  const { projectId } = await open('local-member');
  const variables = { OS_USERNAME: 'member', OS_PASSWORD: await passwordOf('local-member') };
  const session = sessionFor(await fromEnvironment(variables));
  await session.authenticate();
  expect(session.projectId).toBe(projectId);
});

test('a user of several projects without a default one is asked to choose, with the choices', async () => {
  const admin = await open('local-admin');
  const [name, password] = [uniqueName('chooser'), uniqueName('password')];
  const projects = [uniqueName('one'), uniqueName('two')];
  const user = await make(admin, '/users', 'user', { name, password, domain_id: 'default' });
  const ids = await Promise.all(
    projects.map((project) => make(admin, '/projects', 'project', { name: project, domain_id: 'default' })),
  );
  try {
    const role = await roleId(admin, 'member');
    for (const id of ids) await call(admin, 'PUT', `/projects/${id}/users/${user}/roles/${role}`);
    const login = { OS_USERNAME: name, OS_PASSWORD: password };
    const undecided = sessionFor(await fromEnvironment(login));
    await expect(undecided.authenticate()).rejects.toMatchObject({
      code: 'ProjectRequired',
      message: expect.stringMatching(
        new RegExp(`${projects[0]}.*${projects[1]}|${projects[1]}.*${projects[0]}`),
      ) as unknown,
    });
    const decided = sessionFor(await fromEnvironment({ ...login, OS_PROJECT_NAME: projects[1] ?? '' }));
    await decided.authenticate();
    expect(decided.projectId).toBe(ids[1]);

    await call(admin, 'PATCH', `/users/${user}`, { user: { default_project_id: ids[0] } });
    const byDefault = sessionFor(await fromEnvironment(login));
    await byDefault.authenticate();
    expect(byDefault.projectId).toBe(ids[0]);
  } finally {
    await call(admin, 'DELETE', `/users/${user}`);
    for (const id of ids) await call(admin, 'DELETE', `/projects/${id}`);
  }
});

test('a user without any project is told so', async () => {
  const admin = await open('local-admin');
  const [name, password] = [uniqueName('nobody'), uniqueName('password')];
  const user = await make(admin, '/users', 'user', { name, password, domain_id: 'default' });
  try {
    const session = sessionFor(await fromEnvironment({ OS_USERNAME: name, OS_PASSWORD: password }));
    await expect(session.authenticate()).rejects.toMatchObject({ code: 'ProjectRequired' });
  } finally {
    await call(admin, 'DELETE', `/users/${user}`);
  }
});

test('a wrong password is final and shows no password', async () => {
  const config = await fromEnvironment({
    OS_USERNAME: 'member',
    OS_PASSWORD: 'hunter2-wrong',
    OS_PROJECT_NAME: 'member',
  });
  const error: unknown = await sessionFor(config)
    .authenticate()
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: 'Unauthorized',
    retryable: false,
    details: { service: 'Keystone', status: 401 },
  });
  expect(JSON.stringify(error) + String(error)).not.toContain('hunter2');
});

test('a token that is revoked in the middle of a session is replaced', async () => {
  const admin = await open('local-admin');
  const [name, password, project] = [uniqueName('revoked'), uniqueName('password'), uniqueName('project')];
  const user = await make(admin, '/users', 'user', { name, password, domain_id: 'default' });
  const projectId = await make(admin, '/projects', 'project', { name: project, domain_id: 'default' });
  try {
    await call(admin, 'PUT', `/projects/${projectId}/users/${user}/roles/${await roleId(admin, 'member')}`);
    const session = sessionFor(
      await fromEnvironment({ OS_USERNAME: name, OS_PASSWORD: password, OS_PROJECT_ID: projectId }),
    );
    expect(await session.knownRegions()).not.toEqual([]);
    // Disabling a user revokes every token; enabled again, the password is good for a new one.
    await call(admin, 'PATCH', `/users/${user}`, { user: { enabled: false } });
    await expect(session.knownRegions()).rejects.toMatchObject({ code: 'Unauthorized' });
    await call(admin, 'PATCH', `/users/${user}`, { user: { enabled: true } });
    // A revocation covers the whole second in which it was made.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(await session.knownRegions()).not.toEqual([]);
  } finally {
    await call(admin, 'DELETE', `/users/${user}`);
    await call(admin, 'DELETE', `/projects/${projectId}`);
  }
});

test('an address where Keystone does not listen is a passing failure', async () => {
  const config = await localCloud();
  const session = sessionFor({ ...config, authUrl: 'http://127.0.0.1:9/v3' });
  await expect(session.authenticate()).rejects.toMatchObject({
    code: 'KeystoneUnreachable',
    retryable: true,
    exit: 69,
  });
});

test('an auth URL that is another service is a configuration error', async () => {
  const config = await localCloud();
  const swift = new URL((await open('local')).endpoint('object-store'));
  const session = sessionFor({ ...config, authUrl: swift.origin });
  await expect(session.authenticate()).rejects.toMatchObject({
    retryable: false,
    details: { service: 'Keystone' },
  });
});

async function roleId(admin: Session, name: string): Promise<string> {
  const url = `${await admin.identityRoot()}/roles?name=${name}`;
  const answer = await admin.request({ action: 'identity', service: 'Keystone', method: 'GET', url });
  return answer.json(z.object({ roles: z.array(z.object({ id: z.string() })) })).roles[0]?.id ?? '';
}
