import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rm, statfs, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Staging } from '../../../staging/index.js';
import { image, request, scratch, sha256Of, sourceOf } from './helpers.js';

const MiB = 1024 * 1024;
const { signal } = new AbortController();
const cut = new Error('cut');

/** A real file system of its own; needs root, as the rebuild tests do. */
async function smallDisk(mebibytes: number): Promise<{ root: string; remount: (mode: 'ro' | 'rw') => void }> {
  const folder = await scratch();
  const root = join(folder, 'disk');
  await mkdir(root);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', root]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', root]));
  return { root, remount: (mode) => void execFileSync('mount', ['-o', `remount,${mode}`, root]) };
}

/** Somebody else takes every byte that is free. */
async function fillUp(root: string): Promise<void> {
  const { bavail, bsize } = await statfs(root);
  await writeFile(join(root, `ballast-${bavail}`), Buffer.alloc(bavail * bsize));
}

async function stageImage(staging: Staging, bytes = image(MiB)): Promise<Buffer> {
  await staging.download(request(bytes, sourceOf(bytes)));
  return bytes;
}

const isThere = async (staging: Staging, bytes: Buffer) =>
  (await staging.find(sha256Of(bytes))) !== undefined;

/** Sets when a file was last used, in seconds from now. */
async function usedAt(root: string, bytes: Buffer, seconds: number): Promise<void> {
  const when = new Date(Date.now() + seconds * 1000);
  await utimes(join(root, 'sha256', `${sha256Of(bytes).hex}.json`), when, when);
}

test('a file larger than the budget fails at once and asks nobody', async () => {
  const staging = await Staging.open({ root: await scratch(), budgetBytes: MiB });
  const bytes = image(MiB + 1);
  const source = sourceOf(bytes);
  await expect(staging.download(request(bytes, source))).rejects.toMatchObject({
    code: 'StagingTooSmall',
    retryable: false,
    exit: 2,
  });
  expect(source.opened).toEqual([]);
});

test('the least recently used file makes room', async () => {
  const root = await scratch();
  const staging = await Staging.open({ root, budgetBytes: 3 * MiB, holdMs: 0 });
  const [a, b, c] = [await stageImage(staging), await stageImage(staging), await stageImage(staging)];
  await usedAt(root, a, -10);
  await usedAt(root, b, -30);
  await usedAt(root, c, -20);
  const d = await stageImage(staging);
  const kept = await Promise.all([a, b, c, d].map((bytes) => isThere(staging, bytes)));
  expect(kept).toEqual([true, false, true, true]);
});

test('what was released goes before what is older', async () => {
  const root = await scratch();
  const staging = await Staging.open({ root, budgetBytes: 2 * MiB, holdMs: 10_000 });
  const [a, b] = [await stageImage(staging), await stageImage(staging)];
  await usedAt(root, a, -60);
  await staging.release(sha256Of(b));
  await stageImage(staging);
  expect(await isThere(staging, b)).toBe(false);
  expect(await isThere(staging, a)).toBe(true);
});

test('a file just staged is not thrown away for the next one', async () => {
  const staging = await Staging.open({ root: await scratch(), budgetBytes: MiB });
  await stageImage(staging);
  const bytes = image(MiB);
  const source = sourceOf(bytes);
  await expect(staging.download(request(bytes, source))).rejects.toMatchObject({
    code: 'StagingFull',
    retryable: true,
    retryAfterMs: 5000,
  });
  expect(source.opened).toEqual([]);
});

test('a file that is read is never evicted, also not by another worker', async () => {
  const root = await scratch();
  const options = { root, budgetBytes: 2 * MiB, holdMs: 0 };
  const [staging, other] = [await Staging.open(options), await Staging.open(options)];
  const bytes = await stageImage(staging);
  const reader = await staging.openRead(sha256Of(bytes), { signal });
  expect(await other.evict(sha256Of(bytes))).toBe(false);
  const large = image(2 * MiB);
  const wanted = request(large, sourceOf(large));
  await expect(other.download(wanted)).rejects.toMatchObject({ code: 'StagingFull' });
  expect(await isThere(staging, bytes)).toBe(true);
  await reader.release();
  await reader.release();
  await expect(other.download(wanted)).resolves.toBeDefined();
  expect(await isThere(staging, bytes)).toBe(false);
});

test('space is promised before the bytes arrive, also to another worker', async () => {
  const root = await scratch();
  const options = { root, budgetBytes: 3 * MiB, holdMs: 0 };
  const [staging, other] = [await Staging.open(options), await Staging.open(options)];
  const [a, b] = [image(2 * MiB), image(2 * MiB)];
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (go = resolve));
  let started: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (started = resolve));
  const slow = sourceOf(a, {
    beforeChunk: () => {
      started();
      return gate;
    },
  });
  const first = staging.download(request(a, slow));
  await begun;
  expect(await other.usage()).toMatchObject({ partBytes: 0, reservedBytes: 2 * MiB });
  for (const worker of [staging, other]) {
    const second = worker.download(request(b, sourceOf(b)));
    await expect(second).rejects.toMatchObject({ code: 'StagingFull' });
  }
  go();
  await first;
});

test('an abandoned part goes when nothing else is left, and never the one that is wanted', async () => {
  const root = await scratch();
  const staging = await Staging.open({ root, budgetBytes: 3 * MiB, holdMs: 0 });
  const [a, b] = [image(3 * MiB), image(3 * MiB)];
  const broken = sourceOf(a, { stopAt: 2 * MiB, failure: cut });
  await expect(staging.download(request(a, broken))).rejects.toBe(cut);
  const again = await Staging.open({ root, budgetBytes: 3 * MiB, holdMs: 0 });
  expect(await again.download(request(a, sourceOf(a)))).toMatchObject({ resumedFrom: 2 * MiB });
  await staging.evict(sha256Of(a));
  await expect(staging.download(request(a, sourceOf(a, { stopAt: 2 * MiB, failure: cut })))).rejects.toBe(
    cut,
  );
  await staging.download(request(b, sourceOf(b)));
  expect(await staging.usage()).toMatchObject({ partFiles: 0, wholeBytes: 3 * MiB });
});

test('a file larger than the whole disk is StagingTooSmall before a byte moves: no waiting helps', async () => {
  const { root } = await smallDisk(4);
  const staging = await Staging.open({ root });
  const bytes = image(6 * MiB);
  const source = sourceOf(bytes);
  await expect(staging.download(request(bytes, source))).rejects.toMatchObject({
    code: 'StagingTooSmall',
    retryable: false,
  });
  expect(source.opened).toEqual([]);
});

test('a disk with too little space left for the file is StagingFull before a byte moves', async () => {
  const { root } = await smallDisk(8);
  const staging = await Staging.open({ root });
  await writeFile(join(root, 'ballast'), Buffer.alloc(4 * MiB));
  const bytes = image(6 * MiB);
  const source = sourceOf(bytes);
  await expect(staging.download(request(bytes, source))).rejects.toMatchObject({
    code: 'StagingFull',
    retryable: true,
  });
  expect(source.opened).toEqual([]);
});

test('a disk that fills up during the transfer keeps the part, and with space again it goes on', async () => {
  const { root } = await smallDisk(12);
  const staging = await Staging.open({ root });
  const bytes = image(8 * MiB);
  const ballast = join(root, 'ballast');
  const filling = sourceOf(bytes, {
    beforeChunk: async (offset) => {
      if (offset !== 3 * MiB) return;
      const { bavail, bsize } = await statfs(root);
      await writeFile(ballast, Buffer.alloc(bavail * bsize - 2 * MiB));
    },
  });
  await expect(staging.download(request(bytes, filling))).rejects.toMatchObject({
    code: 'StagingFull',
    retryable: true,
  });
  await rm(ballast);
  const file = await staging.download(request(bytes, sourceOf(bytes)));
  expect(file.resumedFrom).toBeGreaterThan(2 * MiB);
});

test('a disk full to its last byte, also of staged files, makes room for what is asked for now', async () => {
  const { root } = await smallDisk(8);
  const staging = await Staging.open({ root });
  const old = await stageImage(staging, image(4 * MiB));
  await staging.release(sha256Of(old));
  await fillUp(root);
  const document = Buffer.from('{"format": "products:1.0"}');
  const digest = await staging.putDocument(document);
  expect(await staging.getDocument(digest)).toBeDefined();
  expect(await isThere(staging, old)).toBe(false);

  await staging.release(sha256Of(await stageImage(staging, image(2 * MiB))));
  await fillUp(root);
  const next = await stageImage(staging, image(MiB));
  expect(await isThere(staging, next)).toBe(true);
});

test('a disk that others filled is StagingFull, and nothing in use is thrown away', async () => {
  const { root } = await smallDisk(4);
  const staging = await Staging.open({ root });
  const used = await stageImage(staging);
  await fillUp(root);
  const full = { code: 'StagingFull', retryable: true };
  await expect(staging.putDocument(Buffer.from('{}'))).rejects.toMatchObject(full);
  const bytes = image(1000);
  await expect(staging.download(request(bytes, sourceOf(bytes)))).rejects.toMatchObject(full);
  expect(await isThere(staging, used)).toBe(true);
});

test('a read-only folder is StagingUnwritable when opened and when written', async () => {
  const { root, remount } = await smallDisk(4);
  const staging = await Staging.open({ root });
  const bytes = await stageImage(staging, image(1000));
  remount('ro');
  const refused = { code: 'StagingUnwritable', retryable: false };
  await expect(Staging.open({ root })).rejects.toMatchObject(refused);
  const next = image(1000);
  await expect(staging.download(request(next, sourceOf(next)))).rejects.toMatchObject(refused);
  await expect(staging.putDocument(bytes)).rejects.toMatchObject(refused);
});

test('a folder that vanishes under a running worker is StagingLost', async () => {
  const root = await scratch();
  const staging = await Staging.open({ root });
  await rm(join(root, 'sha256'), { recursive: true });
  const bytes = image(1000);
  const attempt = staging.download(request(bytes, sourceOf(bytes)));
  await expect(attempt).rejects.toMatchObject({ code: 'StagingLost', retryable: true });
});

test('a staging root that is a file is StagingUnwritable', async () => {
  const root = join(await scratch(), 'file');
  await writeFile(root, '');
  await expect(Staging.open({ root })).rejects.toMatchObject({ code: 'StagingUnwritable' });
});

test('a staging root where the file system lets nobody make a folder is StagingUnwritable, at once', async () => {
  const root = '/proc/image-stream/staging';
  const error: unknown = await Staging.open({ root }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'StagingUnwritable', retryable: false });
  expect(String(error)).toContain('/proc/image-stream');
});

test('several workers that make the staging folder at once all find it', async () => {
  const root = join(await scratch(), 'a', 'b', 'c');
  const opened = await Promise.all(Array.from({ length: 8 }, () => Staging.open({ root })));
  expect(new Set(opened.map(({ id }) => id)).size).toBe(1);
});

test('a reader gets the bytes, and an abort ends it', async () => {
  const staging = await Staging.open({ root: await scratch() });
  const bytes = await stageImage(staging, image(3 * MiB));
  const reader = await staging.openRead(sha256Of(bytes), { signal });
  const read: Buffer[] = [];
  for await (const chunk of reader.stream as AsyncIterable<Buffer>) read.push(chunk);
  expect(Buffer.concat(read).equals(bytes)).toBe(true);
  await reader.release();

  const controller = new AbortController();
  const aborted = await staging.openRead(sha256Of(bytes), { signal: controller.signal });
  aborted.stream.on('error', () => undefined);
  controller.abort();
  await expect(aborted.stream.toArray()).rejects.toMatchObject({ name: 'AbortError' });
  await aborted.release();
  expect(await staging.evict(sha256Of(bytes))).toBe(true);
  await expect(staging.openRead(sha256Of(bytes), { signal })).rejects.toMatchObject({ code: 'StagingLost' });
});

test('nothing of a reader stays behind when it is released without being read', async () => {
  const root = await scratch();
  const staging = await Staging.open({ root });
  const bytes = await stageImage(staging);
  const reader = await staging.openRead(sha256Of(bytes), { signal });
  await reader.release();
  const { hex } = sha256Of(bytes);
  expect((await readdir(join(root, 'sha256'))).sort()).toEqual([hex, `${hex}.json`]);
});

test('a document comes back by its sha256, and never damaged', async () => {
  const root = await scratch();
  const staging = await Staging.open({ root });
  const bytes = Buffer.from('{"format": "products:1.0"}');
  const digest = await staging.putDocument(bytes);
  expect(digest).toEqual(sha256Of(bytes));
  expect(Buffer.from((await staging.getDocument(digest)) ?? []).equals(bytes)).toBe(true);
  await writeFile(join(root, 'documents', digest.hex), 'other');
  expect(await staging.getDocument(digest)).toBeUndefined();
  await staging.putDocument(bytes);
  expect(await staging.getDocument(digest)).toBeDefined();
});

test('usage counts what is there', async () => {
  const staging = await Staging.open({ root: await scratch(), budgetBytes: 10 * MiB });
  await stageImage(staging);
  await staging.putDocument(Buffer.from('four'));
  expect(await staging.usage()).toEqual({
    wholeFiles: 1,
    wholeBytes: MiB,
    partFiles: 0,
    partBytes: 0,
    documents: 1,
    documentBytes: 4,
    reservedBytes: 0,
    budgetBytes: 10 * MiB,
  });
});
