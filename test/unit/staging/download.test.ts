import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Staging, type TransferProgress } from '../../../staging/index.js';
import { hex, image, request, scratch, sha256Of, sourceOf } from './helpers.js';

const MiB = 1024 * 1024;
const cut = new Error('cut');

test('a download ends as a whole file under its digest with all three digests', async () => {
  const root = await scratch();
  const staging = await Staging.open({ root });
  const bytes = image(3 * MiB + 17);
  const file = await staging.download(request(bytes, sourceOf(bytes)));
  expect(file).toEqual({
    path: join(root, 'sha256', hex('sha256', bytes)),
    size: bytes.length,
    digests: { md5: hex('md5', bytes), sha256: hex('sha256', bytes), sha512: hex('sha512', bytes) },
    fetchedBytes: bytes.length,
    resumedFrom: 0,
  });
  expect((await readFile(file.path)).equals(bytes)).toBe(true);
  expect((await readdir(join(root, 'sha256'))).sort()).toEqual([
    hex('sha256', bytes),
    `${hex('sha256', bytes)}.json`,
  ]);
});

test('a file that is there whole is not fetched again', async () => {
  const staging = await Staging.open({ root: await scratch() });
  const bytes = image(1000);
  await staging.download(request(bytes, sourceOf(bytes)));
  const again = sourceOf(bytes);
  const file = await staging.download(request(bytes, again));
  expect(file.fetchedBytes).toBe(0);
  expect(again.opened).toEqual([]);
});

test('an empty file is staged', async () => {
  const staging = await Staging.open({ root: await scratch() });
  const bytes = Buffer.alloc(0);
  const file = await staging.download(request(bytes, sourceOf(bytes)));
  expect(file.digests.md5).toBe('d41d8cd98f00b204e9800998ecf8427e');
});

test('a cut download goes on from the bytes on disk with the validator they came with', async () => {
  const root = await scratch();
  const bytes = image(3 * MiB);
  const broken = sourceOf(bytes, { stopAt: 2 * MiB, failure: cut });
  await expect((await Staging.open({ root })).download(request(bytes, broken))).rejects.toBe(cut);
  const rest = sourceOf(bytes);
  const file = await (await Staging.open({ root })).download(request(bytes, rest));
  expect(rest.opened).toEqual([{ offset: 2 * MiB, validator: { etag: '"1"' } }]);
  expect(file).toMatchObject({ resumedFrom: 2 * MiB, fetchedBytes: MiB });
  expect((await readFile(file.path)).equals(bytes)).toBe(true);
});

test('another mirror continues the file without the validator of the first', async () => {
  const root = await scratch();
  const bytes = image(2 * MiB);
  const staging = await Staging.open({ root });
  const broken = sourceOf(bytes, { stopAt: MiB, failure: cut });
  await expect(staging.download(request(bytes, broken))).rejects.toBe(cut);
  const other = sourceOf(bytes, { validator: { etag: '"other"' } });
  await staging.download(request(bytes, other, { source: 'http://second.test/image' }));
  expect(other.opened).toEqual([{ offset: MiB, validator: undefined }]);
});

test('a source that cannot resume is read from its first byte', async () => {
  const staging = await Staging.open({ root: await scratch() });
  const bytes = image(2 * MiB);
  const broken = sourceOf(bytes, { stopAt: MiB, failure: cut });
  await expect(staging.download(request(bytes, broken))).rejects.toBe(cut);
  const file = await staging.download(request(bytes, sourceOf(bytes, { noRanges: true })));
  expect(file).toMatchObject({ resumedFrom: 0, fetchedBytes: bytes.length });
});

test('bytes of a replaced file are never mixed with those of the old one', async () => {
  const staging = await Staging.open({ root: await scratch() });
  const old = image(2 * MiB);
  const replaced = image(2 * MiB);
  const wanted = request(replaced, sourceOf(old, { stopAt: MiB, failure: cut }));
  await expect(staging.download(wanted)).rejects.toBe(cut);
  const source = sourceOf(replaced, { validator: { etag: '"2"' } });
  const file = await staging.download({ ...wanted, open: source.open });
  expect(source.opened.map(({ offset }) => offset)).toEqual([MiB, 0]);
  expect((await readFile(file.path)).equals(replaced)).toBe(true);
});

test('a kept prefix with wrong bytes costs one clean download and no failure', async () => {
  const staging = await Staging.open({ root: await scratch() });
  const bytes = image(2 * MiB);
  const wrong = sourceOf(image(2 * MiB), { stopAt: MiB, failure: cut, validator: {} });
  await expect(staging.download(request(bytes, wrong))).rejects.toBe(cut);
  const good = sourceOf(bytes, { validator: {} });
  const file = await staging.download(request(bytes, good));
  expect(good.opened.map(({ offset }) => offset)).toEqual([MiB, 0]);
  expect(file).toMatchObject({ resumedFrom: 0, fetchedBytes: 3 * MiB });
  expect((await readFile(file.path)).equals(bytes)).toBe(true);
});

test('wrong bytes are a ChecksumMismatch and leave nothing behind', async () => {
  const root = await scratch();
  const staging = await Staging.open({ root });
  const bytes = image(MiB);
  const attempt = staging.download(request(bytes, sourceOf(image(MiB))));
  await expect(attempt).rejects.toMatchObject({ code: 'ChecksumMismatch', retryable: true });
  expect(await readdir(join(root, 'sha256'))).toEqual([]);
});

test('a body longer than announced is a SizeMismatch and the part is dropped', async () => {
  const root = await scratch();
  const staging = await Staging.open({ root });
  const bytes = image(2 * MiB);
  const wanted = request(bytes, sourceOf(Buffer.concat([bytes, image(1)]), { total: bytes.length }));
  await expect(staging.download(wanted)).rejects.toMatchObject({ code: 'SizeMismatch' });
  expect(await readdir(join(root, 'sha256'))).toEqual([]);
});

test('a source that announces another size is refused before a byte of it is kept', async () => {
  const root = await scratch();
  const staging = await Staging.open({ root });
  const bytes = image(MiB);
  const source = sourceOf(Buffer.concat([bytes, image(5)]));
  await expect(staging.download(request(bytes, source))).rejects.toMatchObject({ code: 'SizeMismatch' });
  expect(source.served).toBe(0);
  expect(await readdir(join(root, 'sha256'))).toEqual([]);
});

test('a body shorter than announced keeps the part and may be tried again', async () => {
  const root = await scratch();
  const staging = await Staging.open({ root });
  const bytes = image(2 * MiB);
  const short = sourceOf(bytes, { stopAt: MiB });
  await expect(staging.download(request(bytes, short))).rejects.toMatchObject({
    code: 'MirrorError',
    retryable: true,
  });
  expect((await stat(join(root, 'sha256', `${sha256Of(bytes).hex}.part`))).size).toBe(MiB);
});

test('a part that was complete before a crash is hashed and not fetched', async () => {
  const root = await scratch();
  const bytes = image(MiB);
  const path = join(root, 'sha256', sha256Of(bytes).hex);
  const staging = await Staging.open({ root });
  await writeFile(`${path}.part`, bytes);
  await writeFile(
    `${path}.part.json`,
    JSON.stringify({ source: 'http://mirror.test/image', size: MiB, validator: {} }),
  );
  const source = sourceOf(bytes);
  expect(await staging.download(request(bytes, source))).toMatchObject({ fetchedBytes: 0, resumedFrom: MiB });
  expect(source.opened).toEqual([]);
});

test('a whole file without its facts is hashed again before it is believed', async () => {
  const root = await scratch();
  const bytes = image(MiB);
  const path = join(root, 'sha256', sha256Of(bytes).hex);
  const staging = await Staging.open({ root });
  await writeFile(path, bytes);
  expect(await staging.find(sha256Of(bytes))).toBeUndefined();
  expect(await staging.download(request(bytes, sourceOf(bytes)))).toMatchObject({ fetchedBytes: 0 });
  expect(await staging.find(sha256Of(bytes), MiB)).toMatchObject({ path, size: MiB });
});

test('a part without its sidecar, or longer than the file, is thrown away', async () => {
  const root = await scratch();
  const bytes = image(MiB);
  const path = join(root, 'sha256', sha256Of(bytes).hex);
  const staging = await Staging.open({ root });
  await writeFile(`${path}.part`, image(1000));
  const source = sourceOf(bytes);
  await staging.download(request(bytes, source));
  expect(source.opened).toEqual([{ offset: 0, validator: undefined }]);
});

test('progress tells the exact offset and ends at the size', async () => {
  const staging = await Staging.open({ root: await scratch() });
  const bytes = image(3 * MiB + 5);
  const seen: TransferProgress[] = [];
  await staging.download(request(bytes, sourceOf(bytes), { onProgress: (progress) => seen.push(progress) }));
  const offsets = seen.map(({ offset }) => offset);
  expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
  expect(seen.at(-1)).toEqual({
    stage: 'download',
    offset: bytes.length,
    total: bytes.length,
    resumedFrom: 0,
  });
});

test('an abort comes out as the reason of the signal and keeps the bytes', async () => {
  const root = await scratch();
  const staging = await Staging.open({ root });
  const bytes = image(4 * MiB);
  const controller = new AbortController();
  const reason = new Error('cancelled by the user');
  const source = sourceOf(bytes, {
    beforeChunk: (offset) => {
      if (offset === 2 * MiB) controller.abort(reason);
    },
  });
  await expect(staging.download(request(bytes, source, { signal: controller.signal }))).rejects.toBe(reason);
  expect((await stat(join(root, 'sha256', `${sha256Of(bytes).hex}.part`))).size).toBeGreaterThanOrEqual(MiB);
});

test('find ignores a file that was cut on disk, and one of another size', async () => {
  const staging = await Staging.open({ root: await scratch() });
  const bytes = image(1000);
  const { path } = await staging.download(request(bytes, sourceOf(bytes)));
  expect(await staging.find(sha256Of(bytes), 999)).toBeUndefined();
  await truncate(path, 999);
  expect(await staging.find(sha256Of(bytes))).toBeUndefined();
});

test('verify finds a flipped byte, removes the file and says so', async () => {
  const staging = await Staging.open({ root: await scratch() });
  const bytes = image(2 * MiB);
  const { path } = await staging.download(request(bytes, sourceOf(bytes)));
  const { signal } = new AbortController();
  expect(await staging.verify(sha256Of(bytes), bytes.length, { signal })).toMatchObject({ path });
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(flipped.readUInt8(MiB) ^ 1, MiB);
  await writeFile(path, flipped);
  await expect(staging.verify(sha256Of(bytes), bytes.length, { signal })).rejects.toMatchObject({
    code: 'ChecksumMismatch',
  });
  expect(await staging.find(sha256Of(bytes))).toBeUndefined();
  await expect(staging.verify(sha256Of(bytes), bytes.length, { signal })).rejects.toMatchObject({
    code: 'StagingLost',
  });
});

test.each(['../../etc/passwd', 'A'.repeat(64), 'a'.repeat(63), `${'a'.repeat(63)}/`])(
  'the digest %s makes no path',
  async (bad) => {
    const staging = await Staging.open({ root: await scratch() });
    await expect(staging.find({ algorithm: 'sha256', hex: bad })).rejects.toMatchObject({
      code: 'ItemInvalid',
    });
  },
);
