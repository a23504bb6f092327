import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Staging } from '../../../staging/index.js';
import { client, image, MiB, mirrorOf, scratch, wanted } from './helpers.js';

/** A mirror with one image of 4 MiB, a client and an empty staging folder. */
async function stage() {
  const bytes = image(4 * MiB);
  const mirror = await mirrorOf({ 'disk.img': bytes });
  const root = await scratch();
  const staging = await Staging.open({ root });
  const request = wanted(bytes, client(), `${mirror.url}disk.img`);
  const held = async () => (await readdir(join(root, 'sha256'))).sort();
  return { bytes, mirror, staging, request, root, held };
}

test('a healthy mirror is asked once and every byte is served once', async () => {
  const { bytes, mirror, staging, request } = await stage();
  const file = await staging.download(request);
  expect((await readFile(file.path)).equals(bytes)).toBe(true);
  expect(mirror.bytes('disk.img')).toBe(bytes.length);
  expect(mirror.to('disk.img')).toMatchObject([{ headers: { 'accept-encoding': 'identity' } }]);
});

test.each([
  ['reset', 'MirrorError'],
  ['truncate', 'MirrorError'],
  ['short', 'MirrorError'],
  ['stall', 'MirrorStalled'],
] as const)('after a %s the next attempt asks for the rest only', async (kind, code) => {
  const { bytes, mirror, staging, request } = await stage();
  mirror.fault('disk.img', { kind, after: 2 * MiB });
  await expect(staging.download(request)).rejects.toMatchObject({ code, retryable: true });
  const file = await staging.download(request);
  expect((await readFile(file.path)).equals(bytes)).toBe(true);
  expect(file.resumedFrom).toBeGreaterThan(0);
  const [first, second] = mirror.to('disk.img');
  expect(second).toMatchObject({
    status: 206,
    headers: { range: `bytes=${file.resumedFrom}-`, 'if-range': expect.stringMatching(/^"/) as string },
  });
  expect(first?.bytes).toBe(2 * MiB);
  expect(second?.bytes).toBe(bytes.length - file.resumedFrom);
});

test('a body that goes on beyond its size is refused and thrown away', async () => {
  const { mirror, staging, request, held } = await stage();
  mirror.fault('disk.img', { kind: 'longer', extra: 1 });
  await expect(staging.download(request)).rejects.toMatchObject({ code: 'SizeMismatch' });
  expect(await held()).toEqual([]);
  await expect(staging.download(request)).resolves.toMatchObject({ resumedFrom: 0 });
});

test('wrong bytes are refused and thrown away, and the next attempt is clean', async () => {
  const { mirror, staging, request, held } = await stage();
  mirror.fault('disk.img', { kind: 'wrong-bytes' });
  await expect(staging.download(request)).rejects.toMatchObject({ code: 'ChecksumMismatch' });
  expect(await held()).toEqual([]);
  await expect(staging.download(request)).resolves.toMatchObject({ resumedFrom: 0 });
});

test('a file replaced during its download starts from its first byte', async () => {
  const { bytes, mirror, staging, request } = await stage();
  mirror.fault('disk.img', { kind: 'reset', after: 2 * MiB }, { kind: 'etag', etag: '"replaced"' });
  await expect(staging.download(request)).rejects.toMatchObject({ code: 'MirrorError' });
  const file = await staging.download(request);
  expect(file).toMatchObject({ resumedFrom: 0, fetchedBytes: bytes.length });
  expect(mirror.to('disk.img').map(({ status }) => status)).toEqual([200, 200]);
});

test('a mirror without ranges starts from the first byte', async () => {
  const { bytes, mirror, staging, request } = await stage();
  mirror.fault('disk.img', { kind: 'reset', after: 2 * MiB }, { kind: 'no-range' });
  await expect(staging.download(request)).rejects.toMatchObject({ code: 'MirrorError' });
  expect(await staging.download(request)).toMatchObject({ resumedFrom: 0, fetchedBytes: bytes.length });
});

test('a mirror without validators still resumes, and the digest decides', async () => {
  const { bytes, mirror, staging, request } = await stage();
  mirror.faultAlways('disk.img', { kind: 'no-validator' });
  const reason = new Error('cancelled');
  const controller = new AbortController();
  const cut = staging.download({
    ...request,
    signal: controller.signal,
    onProgress: ({ offset }) => {
      if (offset >= MiB) controller.abort(reason);
    },
  });
  await expect(cut).rejects.toBe(reason);
  const file = await staging.download(request);
  expect(mirror.to('disk.img')[1]?.headers['if-range']).toBeUndefined();
  expect(file.resumedFrom).toBeGreaterThan(0);
  expect((await readFile(file.path)).equals(bytes)).toBe(true);
});

test.each([
  ['another start', `bytes 5-${4 * MiB - 1}/${4 * MiB}`],
  ['nonsense', 'bytes many/more'],
])('a Content-Range with %s is not believed and the whole file is fetched', async (_, value) => {
  const { bytes, mirror, staging, request } = await stage();
  mirror.fault('disk.img', { kind: 'reset', after: 2 * MiB }, { kind: 'content-range', value });
  await expect(staging.download(request)).rejects.toMatchObject({ code: 'MirrorError' });
  const file = await staging.download(request);
  expect(file).toMatchObject({ resumedFrom: 0, fetchedBytes: bytes.length });
  expect((await readFile(file.path)).equals(bytes)).toBe(true);
  expect(mirror.to('disk.img')[2]?.headers.range).toBeUndefined();
});

test('a Content-Range with another total is not continued', async () => {
  const { bytes, mirror, staging, request } = await stage();
  mirror.fault('disk.img', { kind: 'reset', after: 2 * MiB });
  await expect(staging.download(request)).rejects.toMatchObject({ code: 'MirrorError' });
  const from = (await staging.usage()).partBytes;
  mirror.fault('disk.img', {
    kind: 'content-range',
    value: `bytes ${from}-${4 * MiB - 1}/${9 * MiB}`,
  });
  expect(await staging.download(request)).toMatchObject({ resumedFrom: 0, fetchedBytes: bytes.length });
});

test('gzip where the bytes themselves were asked for is refused for good', async () => {
  const { mirror, staging, request } = await stage();
  mirror.fault('disk.img', { kind: 'gzip' });
  await expect(staging.download(request)).rejects.toMatchObject({ code: 'MirrorError', retryable: false });
});

test('a slow drip is a stall although bytes never stop', async () => {
  const { bytes, mirror, staging } = await stage();
  mirror.fault('disk.img', { kind: 'drip', bytes: 10, everyMs: 50 });
  const patient = client({ timeouts: { minimum: { bytes: 100_000, windowMs: 600 } } });
  const request = wanted(bytes, patient, `${mirror.url}disk.img`);
  await expect(staging.download(request)).rejects.toMatchObject({ code: 'MirrorStalled', retryable: true });
});

test('a throttled mirror above the minimum is no stall', async () => {
  const bytes = image(300_000);
  const mirror = await mirrorOf({ 'disk.img': bytes });
  mirror.fault('disk.img', { kind: 'throttle', bytesPerSecond: 400_000 });
  const patient = client({ timeouts: { minimum: { bytes: 1000, windowMs: 200 } } });
  const staging = await Staging.open({ root: await scratch() });
  const file = await staging.download(wanted(bytes, patient, `${mirror.url}disk.img`));
  expect(file.fetchedBytes).toBe(bytes.length);
});

test('a redirected image is followed, also when it resumes', async () => {
  const { bytes, mirror, staging, request } = await stage();
  mirror.faultAlways('moved.img', { kind: 'redirect', location: '/disk.img' });
  mirror.fault('disk.img', { kind: 'reset', after: 2 * MiB });
  const moved = { ...request, open: client().openRange(`${mirror.url}moved.img`) };
  await expect(staging.download(moved)).rejects.toMatchObject({ code: 'MirrorError' });
  const file = await staging.download(moved);
  expect(file.resumedFrom).toBeGreaterThan(0);
  expect((await readFile(file.path)).equals(bytes)).toBe(true);
});

test('the rest comes from a second mirror when the first is gone', async () => {
  const { bytes, mirror, staging, request } = await stage();
  mirror.fault('disk.img', { kind: 'reset', after: 2 * MiB });
  await expect(staging.download(request)).rejects.toMatchObject({ code: 'MirrorError' });
  await mirror.close();
  await expect(staging.download(request)).rejects.toMatchObject({ code: 'MirrorUnreachable' });
  const second = await mirrorOf({ 'disk.img': bytes });
  const file = await staging.download(wanted(bytes, client(), `${second.url}disk.img`));
  expect(file.resumedFrom).toBeGreaterThan(0);
  expect(second.bytes()).toBe(bytes.length - file.resumedFrom);
  expect((await readFile(file.path)).equals(bytes)).toBe(true);
});

test('a second mirror with another file of that size never leaks into the result', async () => {
  const { bytes, mirror, staging, request, root } = await stage();
  mirror.fault('disk.img', { kind: 'reset', after: 2 * MiB });
  await expect(staging.download(request)).rejects.toMatchObject({ code: 'MirrorError' });
  const second = await mirrorOf({ 'disk.img': image(bytes.length) });
  const attempt = staging.download(wanted(bytes, client(), `${second.url}disk.img`));
  await expect(attempt).rejects.toMatchObject({ code: 'ChecksumMismatch' });
  expect(await readdir(join(root, 'sha256'))).toEqual([]);
  const file = await staging.download(request);
  expect((await readFile(file.path)).equals(bytes)).toBe(true);
});

test('an abort during a transfer is the reason of the signal, at once', async () => {
  const { mirror, staging, request } = await stage();
  mirror.fault('disk.img', { kind: 'stall', after: MiB });
  const reason = new Error('cancelled');
  const controller = new AbortController();
  const download = staging.download({ ...request, signal: controller.signal });
  setTimeout(() => controller.abort(reason), 100);
  await expect(download).rejects.toBe(reason);
});

test('a range that begins at the end of the file has no bytes and is whole', async () => {
  const { bytes, mirror } = await stage();
  const opened = await client().openRange(`${mirror.url}disk.img`)(
    bytes.length,
    undefined,
    new AbortController().signal,
  );
  expect(mirror.to('disk.img')).toMatchObject([{ status: 416 }]);
  expect(opened).toMatchObject({ offset: bytes.length, total: bytes.length });
  for await (const chunk of opened.body) expect(chunk).toBeUndefined();
});

test('a range beyond the end of the file is answered with the whole file', async () => {
  const { bytes, mirror } = await stage();
  const open = client().openRange(`${mirror.url}disk.img`);
  const opened = await open(bytes.length + 1, undefined, new AbortController().signal);
  expect(opened).toMatchObject({ offset: 0, total: bytes.length });
});

test('an image at a path or a file URL is staged, and resumed, like any other', async () => {
  const bytes = image(3 * MiB);
  const folder = await scratch();
  const path = join(folder, 'disk.img');
  await writeFile(path, bytes);
  for (const url of [path, `file://${path}`]) {
    const staging = await Staging.open({ root: await scratch() });
    const request = wanted(bytes, client(), url);
    const reason = new Error('cancelled');
    const controller = new AbortController();
    const cut = staging.download({
      ...request,
      signal: controller.signal,
      onProgress: ({ offset }) => {
        if (offset >= MiB) controller.abort(reason);
      },
    });
    await expect(cut).rejects.toBe(reason);
    const file = await staging.download(request);
    expect(file.resumedFrom).toBeGreaterThan(0);
    expect((await readFile(file.path)).equals(bytes)).toBe(true);
  }
});
