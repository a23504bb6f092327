import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { directoryDestination } from '../../../targets/publish/directory-destination.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-stream-publish-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const INDEX = 'streams/v1/index.json';

test('makes the folder and what is in between', async () => {
  const destination = await directoryDestination(join(folder, 'a/b'));
  await destination.write(INDEX, '{}');
  expect(await readFile(join(folder, 'a/b', INDEX), 'utf8')).toBe('{}');
});

test('reads back what it wrote', async () => {
  const destination = await directoryDestination(folder);
  await destination.write(INDEX, 'é');
  expect(await destination.read(INDEX)).toBe('é');
});

test('reads a document that is not there as none', async () => {
  expect(await (await directoryDestination(folder)).read(INDEX)).toBeUndefined();
});

test('knows a folder by its real path, whatever link led there', async () => {
  await mkdir(join(folder, 'real'));
  await symlink(join(folder, 'real'), join(folder, 'link'));
  const [real, link] = await Promise.all(
    ['real', 'link'].map((name) => directoryDestination(join(folder, name))),
  );
  expect(link?.key).toBe(real?.key);
});

test('leaves nothing but the documents behind', async () => {
  const destination = await directoryDestination(folder);
  await Promise.all(['1', '2', '3'].map((text) => destination.write(INDEX, text)));
  expect(await readdir(join(folder, 'streams/v1'))).toEqual(['index.json']);
});

test('shows readers the old document or the new one, never half of one', async () => {
  const destination = await directoryDestination(folder);
  const texts = ['a', 'b'].map((letter) => letter.repeat(2_000_000));
  await destination.write(INDEX, texts[0]!);
  let writing = true;
  const reader = (async () => {
    const seen = new Set<string>();
    while (writing) seen.add((await destination.read(INDEX)) ?? 'none');
    return seen;
  })();
  for (let round = 0; round < 20; round += 1) await destination.write(INDEX, texts[round % 2]!);
  writing = false;
  for (const text of await reader) expect(texts).toContain(text);
});

test('lets a web server read what it wrote', async () => {
  const destination = await directoryDestination(folder);
  await destination.write(INDEX, '{}');
  const { mode } = await stat(join(folder, INDEX));
  expect(mode & 0o444).toBe(0o444);
});

test('says which folder cannot be made', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(directoryDestination(join(folder, 'file/sub'))).rejects.toMatchObject({
    code: 'StagingUnwritable',
    message: `Cannot write ${join(folder, 'file/sub')} (ENOTDIR)`,
  });
});

test('says which document cannot be written, and leaves no part of it', async () => {
  const destination = await directoryDestination(folder);
  await mkdir(join(folder, INDEX), { recursive: true });
  await expect(destination.write(INDEX, '{}')).rejects.toMatchObject({ code: 'StagingUnwritable' });
  expect(await readdir(join(folder, 'streams/v1'))).toEqual(['index.json']);
});

test('says which document cannot be read', async () => {
  const destination = await directoryDestination(folder);
  await mkdir(join(folder, INDEX), { recursive: true });
  await expect(destination.read(INDEX)).rejects.toMatchObject({ code: 'StagingUnwritable' });
});
