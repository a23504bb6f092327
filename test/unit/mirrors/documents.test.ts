import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createNetServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { listen } from '../../../mirrors/serve-directory.js';
import { client, mirrorOf, never, scratch } from './helpers.js';

const text = '{"format": "index:1.0"}\n';
const signal = never();

test('a document comes with its bytes and its validator, and unchanged it comes not at all', async () => {
  const mirror = await mirrorOf({ 'streams/v1/index.json': text });
  const url = `${mirror.url}streams/v1/index.json`;
  const first = await client().fetchDocument(url, { signal });
  if (first.notModified) throw new Error('the first answer has to have bytes');
  expect(Buffer.from(first.bytes).toString()).toBe(text);
  expect(first.url).toBe(url);
  expect(first.validator.etag).toMatch(/^"/);
  const { validator } = first;
  expect(await client().fetchDocument(url, { signal, validator })).toEqual({ notModified: true });
});

test('a gzipped document is decoded', async () => {
  const mirror = await mirrorOf({ 'index.json': text.repeat(1000) });
  mirror.fault('index.json', { kind: 'gzip' });
  const document = await client().fetchDocument(`${mirror.url}index.json`, { signal });
  expect(document).toMatchObject({ notModified: false });
  if (!document.notModified) expect(Buffer.from(document.bytes).toString()).toBe(text.repeat(1000));
});

test.each(['announced', 'unannounced', 'decoded'])('an %s size over the limit is refused', async (kind) => {
  const mirror = await mirrorOf({ 'index.json': 'x'.repeat(100_000) });
  if (kind === 'unannounced') mirror.fault('index.json', { kind: 'longer', extra: 1 });
  if (kind === 'decoded') mirror.fault('index.json', { kind: 'gzip' });
  const limit = kind === 'unannounced' ? 100_000 : 99_999;
  const fetched = client().fetchDocument(`${mirror.url}index.json`, { signal, limit });
  await expect(fetched).rejects.toMatchObject({ code: 'DocumentTooLarge', retryable: false });
});

test('gzip that is cut short is an error of the mirror', async () => {
  const whole = gzipSync(Buffer.from(text.repeat(1000)));
  const server = await listen(
    (_, response) =>
      void response.writeHead(200, { 'content-encoding': 'gzip' }).end(whole.subarray(0, whole.length - 20)),
    '127.0.0.1',
    0,
  );
  onTestFinished(() => server.close());
  await expect(client().fetchDocument(server.url, { signal })).rejects.toMatchObject({ code: 'MirrorError' });
});

test.each([
  [404, 'MirrorNotFound', false],
  [401, 'MirrorForbidden', false],
  [403, 'MirrorForbidden', false],
  [400, 'MirrorError', false],
  [429, 'MirrorError', true],
  [500, 'MirrorError', true],
  [503, 'MirrorError', true],
])('status %i is %s', async (status, code, retryable) => {
  const mirror = await mirrorOf({ 'index.json': text });
  mirror.fault('index.json', { kind: 'status', status });
  const fetched = client().fetchDocument(`${mirror.url}index.json`, { signal });
  await expect(fetched).rejects.toMatchObject({ code, retryable, details: { status } });
});

test.each([204, 206])('status %i is no whole document', async (status) => {
  const mirror = await mirrorOf({ 'index.json': text });
  mirror.fault('index.json', { kind: 'status', status });
  const fetched = client().fetchDocument(`${mirror.url}index.json`, { signal });
  await expect(fetched).rejects.toMatchObject({ code: 'MirrorError' });
});

test('Retry-After is read as seconds or as a date', async () => {
  const mirror = await mirrorOf({ 'index.json': text });
  const date = new Date(Date.now() + 90_000).toUTCString();
  mirror.fault('index.json', { kind: 'status', status: 429, headers: { 'retry-after': '7' } });
  mirror.fault('index.json', { kind: 'status', status: 503, headers: { 'retry-after': date } });
  const fetch = () => client().fetchDocument(`${mirror.url}index.json`, { signal });
  await expect(fetch()).rejects.toMatchObject({ retryAfterMs: 7000 });
  const near = expect.toSatisfy((wait: number) => wait > 85_000 && wait <= 90_000) as number;
  await expect(fetch()).rejects.toMatchObject({ retryAfterMs: near });
});

test('a refused connection, an unknown host and an untrusted certificate are MirrorUnreachable', async () => {
  const mirror = await mirrorOf({});
  const { url } = mirror;
  await mirror.close();
  for (const address of [url, 'http://nowhere.invalid/', await untrusted()]) {
    const fetched = client().fetchDocument(address, { signal });
    await expect(fetched).rejects.toMatchObject({ code: 'MirrorUnreachable', retryable: true });
  }
}, 30_000);

test('a mirror that accepts and says nothing is stalled', async () => {
  const server = createServer(() => undefined).listen(0, '127.0.0.1');
  onTestFinished(() => void server.closeAllConnections());
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const hasty = client({ timeouts: { headersMs: 300 } });
  const fetched = hasty.fetchDocument(`http://127.0.0.1:${port}/index.json`, { signal });
  await expect(fetched).rejects.toMatchObject({ code: 'MirrorStalled' });
});

test('headers that come byte by byte are a stall as well', async () => {
  let dripping: NodeJS.Timeout | undefined;
  const server = createNetServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 200 OK\r\nx-slow: ');
    dripping = setInterval(() => socket.write('x'), 50);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    clearInterval(dripping);
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const hurried = client({ timeouts: { headersMs: 1000 } });
  const fetched = hurried.fetchDocument(`http://127.0.0.1:${port}/index.json`, { signal });
  await expect(fetched).rejects.toMatchObject({ code: 'MirrorStalled' });
});

test('a redirect is followed and a relative one too', async () => {
  const mirror = await mirrorOf({ 'new/index.json': text });
  mirror.fault('old/index.json', { kind: 'redirect', location: '../new/index.json', status: 308 });
  const document = await client().fetchDocument(`${mirror.url}old/index.json`, { signal });
  expect(document).toMatchObject({ url: `${mirror.url}new/index.json` });
});

test('a redirect loop, a long chain and a leap to another scheme are refused', async () => {
  const mirror = await mirrorOf({});
  mirror.faultAlways('a', { kind: 'redirect', location: '/b' });
  mirror.faultAlways('b', { kind: 'redirect', location: '/a' });
  mirror.faultAlways('leap', { kind: 'redirect', location: 'file:///etc/passwd' });
  mirror.faultAlways('nowhere', { kind: 'redirect', location: 'http://' });
  for (let hop = 0; hop < 10; hop += 1) {
    mirror.faultAlways(`hop${hop}`, { kind: 'redirect', location: `/hop${hop + 1}` });
  }
  for (const path of ['a', 'leap', 'nowhere', 'hop0']) {
    const fetched = client().fetchDocument(mirror.url + path, { signal });
    await expect(fetched).rejects.toMatchObject({ code: 'MirrorRedirect', retryable: false });
  }
  expect(mirror.requests.filter(({ path }) => path.startsWith('hop'))).toHaveLength(6);
});

test('credentials of a URL go to its own origin only and into no message', async () => {
  const own = await mirrorOf({ 'index.json': text });
  const other = await mirrorOf({ 'index.json': text });
  own.fault('moved.json', { kind: 'redirect', location: `${other.url}index.json` });
  const withUser = own.url.replace('//', '//reader:s3cr%40t@');
  await client().fetchDocument(`${withUser}index.json`, { signal });
  await client().fetchDocument(`${withUser}moved.json`, { signal });
  const basic = `Basic ${Buffer.from('reader:s3cr@t').toString('base64')}`;
  expect(own.requests.map(({ headers }) => headers.authorization)).toEqual([basic, basic]);
  expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  const failed = await client()
    .fetchDocument(`${withUser}missing?token=s3cr@t`, { signal })
    .catch((error: unknown) => error);
  const dump = `${String(failed)} ${JSON.stringify(failed)}`;
  expect(failed).toMatchObject({ code: 'MirrorNotFound' });
  expect(dump).not.toMatch(/s3cr|reader/);
});

test('a TLS mirror is read with the authority that was named, and never left for plain HTTP', async () => {
  const { url, caFile } = await tlsServer('http://127.0.0.1:9/index.json');
  const document = await client({ caFile }).fetchDocument(`${url}index.json`, { signal });
  expect(document).toMatchObject({ notModified: false });
  const downgraded = client({ caFile }).fetchDocument(`${url}down`, { signal });
  await expect(downgraded).rejects.toMatchObject({ code: 'MirrorRedirect' });
}, 30_000);

test('a proxy is used for other hosts and never for loopback', async () => {
  const seen: string[] = [];
  const proxy = await listen(
    (request, response) => {
      seen.push(request.url ?? '');
      response.end(text);
    },
    '127.0.0.1',
    0,
  );
  onTestFinished(() => proxy.close());
  const mirror = await mirrorOf({ 'index.json': text });
  for (const http of [proxy.url, new URL(proxy.url).host]) {
    const proxied = client({ proxy: { http, none: 'direct.test' } });
    await proxied.fetchDocument('http://mirror.test/index.json', { signal });
    await proxied.fetchDocument(`${mirror.url}index.json`, { signal });
  }
  expect(seen).toEqual(['http://mirror.test/index.json', 'http://mirror.test/index.json']);
  expect(mirror.requests).toHaveLength(2);
  expect(() => client({ proxy: { http: 'http://' } })).toThrow(/no URL/);
});

test('an abort before and while waiting is the reason of the signal', async () => {
  const mirror = await mirrorOf({ 'index.json': 'x'.repeat(100_000) });
  mirror.fault('index.json', { kind: 'stall', after: 1000 });
  const reason = new Error('cancelled');
  const url = `${mirror.url}index.json`;
  const aborted = AbortSignal.abort(reason);
  await expect(client().fetchDocument(url, { signal: aborted })).rejects.toBe(reason);
  expect(mirror.requests).toEqual([]);
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 100);
  await expect(client().fetchDocument(url, { signal: controller.signal })).rejects.toBe(reason);
});

test('documents at a path or file URL are read, capped and compared', async () => {
  const folder = await scratch();
  const path = join(folder, 'index.json');
  await writeFile(path, text);
  const first = await client().fetchDocument(path, { signal });
  if (first.notModified) throw new Error('the first answer has to have bytes');
  expect(Buffer.from(first.bytes).toString()).toBe(text);
  const { validator } = first;
  expect(await client().fetchDocument(`file://${path}`, { signal, validator })).toEqual({
    notModified: true,
  });
  const small = client().fetchDocument(path, { signal, limit: 5 });
  await expect(small).rejects.toMatchObject({ code: 'DocumentTooLarge' });
  for (const missing of [join(folder, 'none'), folder, '/dev/zero', 'gopher://mirror.test/']) {
    const fetched = client().fetchDocument(missing, { signal });
    await expect(fetched).rejects.toMatchObject({ code: 'MirrorNotFound' });
  }
});

/** An HTTPS server whose `/down` redirects to plain HTTP, and the certificate that vouches for it. */
async function tlsServer(downTo: string): Promise<{ url: string; caFile: string }> {
  const { createServer: createTlsServer } = await import('node:https');
  const { readFileSync } = await import('node:fs');
  const folder = await scratch();
  const [key, caFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', key, '-out', caFile];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files],
    { stdio: 'ignore' },
  );
  const server = createTlsServer(
    { key: readFileSync(key), cert: readFileSync(caFile) },
    (request, response) => {
      if (request.url === '/down') response.writeHead(302, { location: downTo });
      response.end(text);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`, caFile };
}

async function untrusted(): Promise<string> {
  return (await tlsServer('')).url;
}
