import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Glance } from '../../../openstack/index.js';
import { Loopback, reply, silence } from './loopback.js';

let server: Loopback;
let glance: Glance;

beforeEach(async () => {
  server = await new Loopback().listen();
  glance = new Glance(server.session(), 'one');
});

afterEach(async () => {
  await server.close();
});

const FILE = 'PUT /one/v2/images/i/file';
const body = (size = 10) => Readable.from([Buffer.alloc(size)], { objectMode: false });

function* blocks(count: number): Generator<Buffer> {
  for (let index = 0; index < count; index++) yield Buffer.alloc(1024 * 1024);
}

test.each([
  [401, { code: 'TokenRefused', retryable: true }],
  [403, { code: 'Forbidden', retryable: false }],
  [404, { code: 'ImageGone', retryable: true }],
  [409, { code: 'Conflict', retryable: true }],
  [410, { code: 'ImageGone', retryable: true }],
  [413, { code: 'QuotaExceeded', retryable: false }],
  [415, { code: 'BadRequest', retryable: false }],
  [503, { code: 'CloudError', retryable: true }],
])('%i to the bytes of an image is judged', async (status, expected) => {
  server.on(FILE, reply(status));
  await expect(glance.upload('i', body(), { size: 10 })).rejects.toMatchObject({
    ...expected,
    details: { status },
  });
});

test('a refused upload is not sent again, and the next one has a new token', async () => {
  server.on(FILE, reply(401), reply(204));
  await expect(glance.upload('i', body(), { size: 10 })).rejects.toMatchObject({ code: 'TokenRefused' });
  await glance.upload('i', body(), { size: 10 });
  expect(server.seen.filter(({ method }) => method === 'PUT').map(({ token }) => token)).toEqual([
    'token-1',
    'token-2',
  ]);
});

test('the bytes go with their length and type', async () => {
  let headers: unknown;
  server.on(FILE, (request, response) => {
    headers = request.headers;
    reply(204)(request, response);
  });
  await glance.upload('i', body(10), { size: 10 });
  expect(headers).toMatchObject({ 'content-length': '10', 'content-type': 'application/octet-stream' });
  expect(headers).not.toHaveProperty('transfer-encoding');
});

test('a service that takes no more bytes ends the upload', async () => {
  server.on(FILE, silence);
  const source = Readable.from(blocks(200), { objectMode: false });
  const upload = glance.upload('i', source, { size: 200 * 1024 * 1024, stallTimeout: 300 });
  await expect(upload).rejects.toMatchObject({
    code: 'CloudUnreachable',
    retryable: true,
    details: { fault: 'stalled' },
  });
  expect(source.destroyed).toBe(true);
});

test('bytes are read only as fast as they are taken', async () => {
  let produced = 0;
  function* counted(): Generator<Buffer> {
    for (const block of blocks(200)) {
      produced += block.length;
      yield block;
    }
  }
  server.on(FILE, silence);
  const upload = glance.upload('i', Readable.from(counted(), { objectMode: false }), {
    size: 200 * 1024 * 1024,
    stallTimeout: 400,
  });
  await expect(upload).rejects.toMatchObject({ details: { fault: 'stalled' } });
  expect(produced).toBeLessThan(32 * 1024 * 1024);
});

test('a connection cut because the image was deleted says so', async () => {
  server.on(FILE, (request) => {
    request.once('data', () => request.socket.destroy());
  });
  server.on('GET /one/v2/images/i', reply(404));
  const upload = glance.upload('i', Readable.from(blocks(50), { objectMode: false }), {
    size: 50 * 1024 * 1024,
  });
  await expect(upload).rejects.toMatchObject({ code: 'ImageGone' });
});

test('a connection cut while the image is still there is passing', async () => {
  server.on(FILE, (request) => {
    request.once('data', () => request.socket.destroy());
  });
  server.on('GET /one/v2/images/i', reply(200, { id: 'i', status: 'queued' }));
  const upload = glance.upload('i', Readable.from(blocks(50), { objectMode: false }), {
    size: 50 * 1024 * 1024,
  });
  await expect(upload).rejects.toMatchObject({ code: 'CloudUnreachable', details: { fault: 'cut' } });
});

test.each([
  ['public', 'VisibilityForbidden'],
  ['community', 'VisibilityForbidden'],
  ['private', 'Forbidden'],
] as const)('403 to creating a %s image is %s', async (visibility, code) => {
  server.on(
    'POST /one/v2/images',
    reply(403, '<html><h1>403 Forbidden</h1>You are not authorized<br /></html>'),
  );
  const create = glance.create({ name: 'n', diskFormat: 'raw', containerFormat: 'bare', visibility });
  await expect(create).rejects.toMatchObject({
    code,
    retryable: false,
    details: { said: 'You are not authorized' },
  });
});

test("a custom property may not have the name of one of Glance's own fields", async () => {
  const create = glance.create({
    name: 'n',
    diskFormat: 'raw',
    containerFormat: 'bare',
    visibility: 'private',
    properties: { owner: 'somebody' },
  });
  await expect(create).rejects.toMatchObject({ code: 'BadRequest' });
  expect(server.count('POST /one/v2/images')).toBe(0);
});

test('a listing follows only the query of next, never to another host', async () => {
  server.on('GET /one/v2/images', (request, response) => {
    const marker = new URL(request.url ?? '', server.url).searchParams.get('marker');
    const page =
      marker === null
        ? { images: [{ id: 'a', status: 'active' }], next: 'http://198.51.100.1/v2/images?marker=a' }
        : { images: [] };
    reply(200, page)(request, response);
  });
  const found: string[] = [];
  for await (const { id } of glance.list({ hidden: false })) found.push(id);
  expect(found).toEqual(['a']);
  expect(server.count('GET /one/v2/images')).toBe(2);
});

test('a service that names the same page for ever ends the listing', async () => {
  server.on(
    'GET /one/v2/images',
    reply(200, { images: [{ id: 'a', status: 'active' }], next: '/v2/images?marker=a' }),
  );
  const found: string[] = [];
  for await (const { id } of glance.list()) found.push(id);
  expect(found).toEqual(['a']);
  expect(server.count('GET /one/v2/images')).toBe(4);
});

test('an image of a strange Glance is read as far as it is understood', async () => {
  server.on(
    'GET /one/v2/images/i',
    reply(
      200,
      '{"id":"i","status":"active","name":null,"size":null,"__proto__":"x","os_distro":"ubuntu","odd":{"a":1},"hw_x":null}',
    ),
  );
  const image = await glance.get('i');
  expect(image).toMatchObject({
    name: undefined,
    size: undefined,
    osHidden: false,
    visibility: 'private',
    tags: [],
  });
  expect(image.properties.os_distro).toBe('ubuntu');
  expect(Object.keys(image.properties)).not.toContain('odd');
});
