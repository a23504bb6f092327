import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Staging } from '../../../staging/index.js';
import { image, request, scratch, sha256Of, sourceOf } from './helpers.js';

const MiB = 1024 * 1024;
const cut = new Error('cut');
const NOBODY = 65_534;

/** Does it with the rights of a user who has none; needs root, as the tests with a disk of their own do. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

/** A staging folder on a volume that all may write, with an image that another user left there in this state. */
async function foreign(state: 'whole' | 'half', mode: number): Promise<{ root: string; bytes: Buffer }> {
  const root = await scratch();
  const bytes = image(2 * MiB);
  const theirs = await Staging.open({ root });
  if (state === 'whole') await theirs.download(request(bytes, sourceOf(bytes)));
  else {
    const broken = sourceOf(bytes, { stopAt: MiB, failure: cut });
    await expect(theirs.download(request(bytes, broken))).rejects.toBe(cut);
  }
  const names = await readdir(root, { recursive: true, withFileTypes: true });
  for (const entry of names) {
    await chmod(
      join(entry.parentPath, entry.name),
      entry.isDirectory() || entry.name === 'id' ? 0o777 : mode,
    );
  }
  await chmod(root, 0o777);
  return { root, bytes };
}

test.each([
  ['a whole file that may be read', 'whole', 0o644, 0],
  ['a whole file that may not be read', 'whole', 0o600, 2 * MiB],
  ['a part that may be read and not written', 'half', 0o644, 2 * MiB],
  ['a part that may be neither', 'half', 0o600, 2 * MiB],
] as const)('%s of another user is used or replaced', async (_, state, mode, fetched) => {
  const { root, bytes } = await foreign(state, mode);
  const file = await asNobody(async () => {
    const staging = await Staging.open({ root });
    return staging.download(request(bytes, sourceOf(bytes)));
  });
  expect(file.fetchedBytes).toBe(fetched);
  expect((await readFile(file.path)).equals(bytes)).toBe(true);
});

test('a lease of another user that nobody renews is taken over, whatever its mode', async () => {
  const { root, bytes } = await foreign('half', 0o600);
  const lease = join(root, 'sha256', `${sha256Of(bytes).hex}.lease`);
  await writeFile(lease, JSON.stringify({ owner: 'gone', host: 'elsewhere', pid: 1 }), { mode: 0o600 });
  const file = await asNobody(async () => {
    const staging = await Staging.open({ root, leaseStaleMs: 300 });
    return staging.download(request(bytes, sourceOf(bytes)));
  });
  expect((await readFile(file.path)).equals(bytes)).toBe(true);
});

test('a folder of another user that may not be written is StagingUnwritable', async () => {
  const { root } = await foreign('whole', 0o644);
  await chmod(root, 0o755);
  await expect(asNobody(() => Staging.open({ root }))).rejects.toMatchObject({ code: 'StagingUnwritable' });
});
