import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseListen } from '../../../cli/streams-serve.js';
import { serveDirectory } from '../../../mirrors/index.js';
import { scratch } from './helpers.js';

async function served() {
  const folder = await scratch();
  const root = join(folder, 'root');
  await mkdir(join(root, 'images'), { recursive: true });
  await writeFile(join(folder, 'secret'), 'secret');
  await writeFile(join(root, 'images', 'disk.img'), '0123456789');
  const server = await serveDirectory(root, '127.0.0.1', 0);
  onTestFinished(() => server.close());
  return { folder, root, url: server.url };
}

/** Sends the target as it is: fetch would resolve its dots. */
function raw(url: string, target: string, method = 'GET'): Promise<number | undefined> {
  const { port } = new URL(url);
  return new Promise((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port, path: target, method }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

const get = (url: string, headers: Record<string, string> = {}) =>
  fetch(`${url}images/disk.img`, { headers: { 'accept-encoding': 'identity', ...headers } });

test('a file is served whole with a strong ETag, its date and its length', async () => {
  const { url } = await served();
  const response = await get(url);
  expect(response.status).toBe(200);
  expect(response.headers.get('etag')).toMatch(/^"/);
  expect(response.headers.get('last-modified')).toMatch(/GMT$/);
  expect(response.headers.get('content-length')).toBe('10');
  expect(await response.text()).toBe('0123456789');
});

test.each([
  ['bytes=4-', 206, '456789', 'bytes 4-9/10'],
  ['bytes=4-5', 206, '45', 'bytes 4-5/10'],
  ['bytes=4-99', 206, '456789', 'bytes 4-9/10'],
  ['bytes=-3', 206, '789', 'bytes 7-9/10'],
  ['bytes=10-', 416, '', 'bytes */10'],
  ['bytes=5-4', 200, '0123456789', null],
  ['bytes=0-1,4-5', 200, '0123456789', null],
  ['lines=1-2', 200, '0123456789', null],
])('the range %s is answered with %i', async (range, status, text, contentRange) => {
  const { url } = await served();
  const response = await get(url, { range });
  expect(response.status).toBe(status);
  expect(await response.text()).toBe(text);
  expect(response.headers.get('content-range')).toBe(contentRange);
});

test('If-Range resumes an unchanged file and restarts a changed one', async () => {
  const { root, url } = await served();
  const etag = (await get(url)).headers.get('etag') ?? '';
  expect((await get(url, { range: 'bytes=4-', 'if-range': etag })).status).toBe(206);
  await utimes(join(root, 'images', 'disk.img'), new Date(), new Date(Date.now() - 5000));
  const restarted = await get(url, { range: 'bytes=4-', 'if-range': etag });
  expect(restarted.status).toBe(200);
  expect(await restarted.text()).toBe('0123456789');
});

test('an unchanged file is a 304', async () => {
  const { url } = await served();
  const { headers } = await get(url);
  const etag = headers.get('etag') ?? '';
  expect((await get(url, { 'if-none-match': `W/"x", ${etag}` })).status).toBe(304);
  expect((await get(url, { 'if-modified-since': headers.get('last-modified') ?? '' })).status).toBe(304);
  expect((await get(url, { 'if-none-match': '"other"' })).status).toBe(200);
});

test('HEAD tells the length without a body, and other methods are refused', async () => {
  const { url } = await served();
  const head = await fetch(`${url}images/disk.img`, { method: 'HEAD' });
  expect(head.headers.get('content-length')).toBe('10');
  expect(await head.text()).toBe('');
  expect(await raw(url, '/images/disk.img', 'PUT')).toBe(405);
});

test.each([
  '/../secret',
  '/images/../../secret',
  '/%2e%2e/secret',
  '/images/%2e%2e%2f%2e%2e%2fsecret',
  '/link-to-secret',
  '/folder-link/secret',
  '//etc/passwd',
  '/images',
  '/images/',
  '/',
  '/%00',
  '/%zz',
  '/none',
])('%s is not found', async (target) => {
  const { folder, root, url } = await served();
  await symlink(join(folder, 'secret'), join(root, 'link-to-secret'));
  await symlink(folder, join(root, 'folder-link'));
  expect(await raw(url, target)).toBe(404);
});

test('a symbolic link that stays inside is served', async () => {
  const { root, url } = await served();
  await symlink('images/disk.img', join(root, 'latest.img'));
  expect(await raw(url, '/latest.img')).toBe(200);
});

test('a folder that is not there and a port that is taken are usage errors', async () => {
  const { root, url } = await served();
  await expect(serveDirectory(join(root, 'none'), '127.0.0.1', 0)).rejects.toMatchObject({ code: 'Usage' });
  const port = Number(new URL(url).port);
  await expect(serveDirectory(root, '127.0.0.1', port)).rejects.toMatchObject({ code: 'Usage' });
});

test('an address to listen on is a host and a port', () => {
  expect(parseListen('127.0.0.1:80')).toEqual({ host: '127.0.0.1', port: 80 });
  expect(parseListen('[::1]:0')).toEqual({ host: '::1', port: 0 });
  for (const bad of ['', '80', 'host', 'host:', 'host:99999', 'a b:80', '::1:80']) {
    expect(() => parseListen(bad)).toThrow(/no address/);
  }
});
