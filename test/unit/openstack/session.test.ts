import { afterEach, beforeEach, expect, test } from 'vitest';
import { Glance, Swift } from '../../../openstack/index.js';
import { cut, Loopback, reply, silence } from './loopback.js';

let server: Loopback;

beforeEach(async () => {
  server = await new Loopback().listen();
});

afterEach(async () => {
  await server.close();
});

const IMAGES = 'GET /one/v2/images/i';
const image = reply(200, { id: 'i', status: 'active' });

test('a 401 is answered by one new token and one more try', async () => {
  server.on(IMAGES, reply(401, ''), image);
  const glance = new Glance(server.session(), 'one');
  expect(await glance.get('i')).toMatchObject({ status: 'active' });
  expect(server.seen.filter(({ url }) => url.endsWith('/i')).map(({ token }) => token)).toEqual([
    'token-1',
    'token-2',
  ]);
});

test('a second 401 is final', async () => {
  server.on(IMAGES, reply(401, ''));
  await expect(new Glance(server.session(), 'one').get('i')).rejects.toMatchObject({
    code: 'Unauthorized',
    retryable: false,
  });
  expect(server.count(IMAGES)).toBe(2);
});

test('many calls at once share one authentication, also after a 401 of all of them', async () => {
  server.on(IMAGES, reply(401, ''), reply(401, ''), reply(401, ''), image);
  const glance = new Glance(server.session(), 'one');
  await Promise.all([1, 2, 3].map(() => glance.get('i')));
  expect(server.granted).toBe(2);
});

test('a token near its end is replaced before it is used', async () => {
  server.on(IMAGES, image);
  server.tokenLife = 1;
  const glance = new Glance(server.session(), 'one');
  await glance.get('i');
  await glance.get('i');
  expect(server.granted).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 800));
  await glance.get('i');
  expect(server.granted).toBe(2);
});

test('a caller that gives up does not end the authentication of the others', async () => {
  const held: (() => void)[] = [];
  server.on('POST /v3/auth/tokens', (_request, response) => held.push(() => server.grant(response)));
  const session = server.session();
  const cancel = new AbortController();
  const impatient = session.identity(cancel.signal);
  const patient = session.identity();
  await expect.poll(() => held.length).toBe(1);
  cancel.abort(new Error('enough'));
  await expect(impatient).rejects.toThrow('enough');
  held[0]?.();
  expect(await patient).toEqual({ authUrl: `${server.url}/v3`, projectId: 'p1' });
});

test('the region selects the endpoint', async () => {
  server.on('GET /one/v2/images/i', reply(200, { id: 'i', status: 'active', name: 'in one' }));
  server.on('GET /two/v2/images/i', reply(200, { id: 'i', status: 'active', name: 'in two' }));
  const session = server.session();
  expect((await new Glance(session, 'one').get('i')).name).toBe('in one');
  expect((await new Glance(session, 'two').get('i')).name).toBe('in two');
  expect(await new Swift(session, 'two').accountUrl()).toBe(`${server.url}/two/v1/AUTH_p1`);
  await expect(new Glance(session).get('i')).rejects.toMatchObject({
    code: 'RegionUnknown',
    message: expect.stringContaining('one, two') as unknown,
  });
  await expect(new Glance(session, 'Two').get('i')).rejects.toMatchObject({ code: 'RegionUnknown' });
});

test('an override of the configuration is used instead of the catalogue', async () => {
  server.on('GET /elsewhere/v2/images/i', image);
  const session = server.session({ endpointOverrides: { image: `${server.url}/elsewhere/v2.1` } });
  expect(await new Glance(session, 'anywhere').get('i')).toMatchObject({ id: 'i' });
});

test('503 is passing, and Retry-After is passed on', async () => {
  server.on(IMAGES, reply(503, 'busy', { 'retry-after': '7', 'x-openstack-request-id': 'req-1' }));
  await expect(new Glance(server.session(), 'one').get('i')).rejects.toMatchObject({
    code: 'CloudError',
    retryable: true,
    retryAfterMs: 7000,
    details: {
      service: 'Glance',
      method: 'GET',
      url: `${server.url}/one/v2/images/i`,
      status: 503,
      requestId: 'req-1',
      said: 'busy',
    },
  });
});

test('a connection cut once is tried again for a reading call, and for no other', async () => {
  server.on(IMAGES, cut, image);
  server.on('DELETE /one/v2/images/i', cut);
  const glance = new Glance(server.session(), 'one');
  expect(await glance.get('i')).toMatchObject({ id: 'i' });
  await expect(glance.delete('i')).rejects.toMatchObject({
    code: 'CloudUnreachable',
    retryable: true,
    details: { fault: 'cut' },
  });
  expect(server.count('DELETE /one/v2/images/i')).toBe(1);
});

test('HTML instead of JSON is a failure that names the address', async () => {
  server.on(IMAGES, reply(200, '<html><body>Welcome to nginx</body></html>'));
  await expect(new Glance(server.session(), 'one').get('i')).rejects.toMatchObject({
    code: 'CloudError',
    message: expect.stringMatching(/not JSON.*\/one\/v2\/images\/i/) as unknown,
  });
});

test('JSON of another shape is a failure that names the place, not the value', async () => {
  server.on(IMAGES, reply(200, { id: 'i', status: { secret: 's3cret-word' } }));
  const error: unknown = await new Glance(server.session(), 'one')
    .get('i')
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'CloudError', details: { fault: 'unexpected', said: 'at status' } });
  expect(JSON.stringify(error)).not.toContain('s3cret-word');
});

test.each([
  [500, { code: 'KeystoneUnreachable', retryable: true, exit: 69 }],
  [429, { code: 'KeystoneUnreachable', retryable: true }],
  [401, { code: 'Unauthorized', retryable: false, exit: 1 }],
  [404, { code: 'CloudConfigInvalid', retryable: false, exit: 2 }],
])('Keystone answering %i to the authentication is judged', async (status, expected) => {
  server.on('POST /v3/auth/tokens', reply(status, { error: { message: 'no' } }));
  const error: unknown = await server
    .session()
    .authenticate()
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject(expected);
  expect(String(error)).toContain('authenticate as alice in project images');
  expect(JSON.stringify(error) + String(error)).not.toContain('s3cret-word');
});

test('a page of HTML at the auth URL is no Keystone', async () => {
  server.on('POST /v3/auth/tokens', reply(200, '<html>a portal</html>'));
  await expect(server.session().authenticate()).rejects.toMatchObject({
    code: 'KeystoneUnreachable',
    details: { fault: 'not-json' },
  });
});

test('Keystone below another path is found by asking the root once', async () => {
  server.on('POST /v3/auth/tokens', reply(404, ''));
  server.on(
    'GET /',
    reply(300, {
      versions: { values: [{ id: 'v3.14', links: [{ rel: 'self', href: `${server.url}/identity/v3/` }] }] },
    }),
  );
  server.on('POST /identity/v3/auth/tokens', (_request, response) => server.grant(response));
  const session = server.session({ authUrl: server.url });
  expect(await session.identityRoot()).toBe(`${server.url}/identity/v3`);
  await session.authenticate();
  expect(server.count('GET /')).toBe(1);
});

test('an unscoped token is exchanged for the only enabled project', async () => {
  server.on(
    'POST /v3/auth/tokens',
    (_request, response) => server.grant(response, null),
    (_request, response) => server.grant(response),
  );
  server.on(
    'GET /v3/auth/projects',
    reply(200, {
      projects: [
        { id: 'p1', name: 'a' },
        { id: 'p2', name: 'b', enabled: false },
      ],
    }),
  );
  const session = server.session({ scope: undefined });
  await session.authenticate();
  expect(session.projectId).toBe('p1');
});

test('the session reports each warning once', async () => {
  const warnings: string[] = [];
  const session = server.session({ warnings: ['w', 'w'] }, { onWarning: (text) => warnings.push(text) });
  await session.authenticate();
  expect(warnings).toEqual(['w']);
});

test('closing a session ends calls that wait for an answer', async () => {
  server.on(IMAGES, silence);
  const session = server.session();
  const call = expect(new Glance(session, 'one').get('i')).rejects.toMatchObject({ code: 'Cancelled' });
  await expect.poll(() => server.count(IMAGES)).toBe(1);
  await session.close();
  await call;
});

test('a call is cancelled with the reason of its signal', async () => {
  server.on(IMAGES, silence);
  const cancel = new AbortController();
  const call = new Glance(server.session(), 'one').get('i', cancel.signal);
  await expect.poll(() => server.count(IMAGES)).toBe(1);
  cancel.abort(new Error('the run was cancelled'));
  await expect(call).rejects.toThrow('the run was cancelled');
});

test('an answer that never ends is refused at its limit', async () => {
  server.on('GET /one/v1/AUTH_p1/c/o', (_request, response) => {
    response.writeHead(200);
    const more = () => {
      while (response.write('x'.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  });
  const read = new Swift(server.session(), 'one').get('c', 'o', { limit: 1_000_000 });
  await expect(read).rejects.toMatchObject({ code: 'CloudError', details: { fault: 'too-large' } });
});

test('an object whose bytes are not those of its ETag is refused', async () => {
  server.on('GET /one/v1/AUTH_p1/c/o', reply(200, 'damaged', { etag: '"00000000000000000000000000000000"' }));
  await expect(new Swift(server.session(), 'one').get('c', 'o')).rejects.toMatchObject({
    code: 'EtagMismatch',
    retryable: true,
  });
});
