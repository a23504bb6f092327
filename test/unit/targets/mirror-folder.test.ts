import { link, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HeldFiles, type HeldFile } from '../../../targets/directory/held-files.js';
import { MirrorFolder } from '../../../targets/directory/mirror-folder.js';
import { adoptFile, placeFile } from '../../../targets/directory/place-file.js';
import { removeFiles, writeDocuments } from '../../../targets/directory/publish-directory.js';
import { surveyFolder } from '../../../targets/directory/survey-directory.js';

let outside: string;
let root: string;
let folder: MirrorFolder;

beforeEach(async () => {
  outside = await mkdtemp(join(tmpdir(), 'mirror-folder-'));
  root = join(outside, 'mirror');
  folder = await MirrorFolder.open(root);
});

afterEach(() => rm(outside, { recursive: true, force: true }));

// printf hello | sha256sum
const HELLO = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
const wanted = (path: string) => ({
  path,
  size: 5,
  digest: { algorithm: 'sha256' as const, hex: HELLO },
  identity: ['c', 'p', '1', path] as const,
});

async function staged(text = 'hello'): Promise<string> {
  const file = join(outside, 'staged');
  await writeFile(file, text);
  return file;
}

const signal = new AbortController().signal;
const adopt = (path: string) => adoptFile(folder, wanted(path), signal, () => undefined);

test.each(['../escaped', 'a/../../escaped', '/etc/escaped', 'a\\..\\b', 'http://x/y', 'a/%2e%2e/b', ''])(
  'the path %j leads nowhere',
  async (path) => {
    await expect(folder.write(path, Buffer.from('x'))).rejects.toMatchObject({ code: 'UnsafePath' });
    await expect(folder.place(await staged(), path)).rejects.toMatchObject({ code: 'UnsafePath' });
    await expect(folder.remove(path)).rejects.toMatchObject({ code: 'UnsafePath' });
    expect((await readdir(outside)).sort()).toEqual(['mirror', 'staged']);
  },
);

test.each(['.image-stream/held.jsonl', '.data/references.json', './.image-stream/x'])(
  'a document cannot name %s, which is kept for notes',
  async (path) => {
    await expect(folder.write(path, Buffer.from('x'))).rejects.toMatchObject({ code: 'UnsafePath' });
  },
);

test('a symbolic link in the folder is not followed, neither to write nor to read nor to remove', async () => {
  const other = join(outside, 'other');
  await mkdir(other);
  await writeFile(join(other, 'theirs'), 'theirs');
  await symlink(other, join(root, 'link'));
  for (const work of [
    () => folder.write('link/new', Buffer.from('x')),
    () => folder.remove('link/theirs'),
    () => folder.read('link/theirs'),
  ]) {
    await expect(work()).rejects.toMatchObject({ code: 'UnsafePath' });
  }
  expect(await readdir(other)).toEqual(['theirs']);
});

test('a link in the place of a file is replaced, and what it led to stays', async () => {
  const theirs = join(outside, 'theirs');
  await writeFile(theirs, 'theirs');
  await symlink(theirs, join(root, 'file'));
  expect(await folder.facts('file')).toBeUndefined();
  await folder.write('file', Buffer.from('ours'));
  expect(await readFile(join(root, 'file'), 'utf8')).toBe('ours');
  expect(await readFile(theirs, 'utf8')).toBe('theirs');
});

test('a file goes with the folders that are empty then, and the root stays', async () => {
  await folder.write('a/b/one', Buffer.from('1'));
  await folder.write('a/two', Buffer.from('2'));
  expect(await folder.remove('a/b/one')).toBe(true);
  expect(await readdir(join(root, 'a'))).toEqual(['two']);
  expect(await folder.remove('a/two')).toBe(true);
  expect(await folder.remove('a/two')).toBe(false);
  expect(await readdir(root)).toEqual(['.image-stream']);
});

test('a placed file is found again by its size and time, and one that was changed is not sound', async () => {
  const held = await HeldFiles.load(folder);
  expect(held.begun).toBe(false);
  await held.add(await placeFile(folder, await staged(), wanted('f/hello')));
  const again = await HeldFiles.load(folder);
  expect(await surveyFolder(folder, again)).toMatchObject([{ path: 'f/hello', size: 5, sound: true }]);
  await rm(join(root, 'f/hello'));
  await writeFile(join(root, 'f/hello'), 'hallo');
  expect(await surveyFolder(folder, again)).toMatchObject([{ path: 'f/hello', sound: false }]);
});

test('a file that is there and right is adopted, any other is not', async () => {
  await mkdir(join(root, 'f'));
  await writeFile(join(root, 'f/right'), 'hello');
  await writeFile(join(root, 'f/wrong'), 'hallo');
  await writeFile(join(root, 'f/short'), 'hell');
  expect(await adopt('f/right')).toMatchObject({ path: 'f/right', size: 5 });
  expect(await adopt('f/wrong')).toBeUndefined();
  expect(await adopt('f/short')).toBeUndefined();
  expect(await adopt('f/none')).toBeUndefined();
});

test('a file is placed by a link, so that it takes no space twice', async () => {
  const file = await staged();
  const before = await folder.facts('f/hello');
  expect(before).toBeUndefined();
  await placeFile(folder, file, wanted('f/hello'));
  expect((await folder.facts('f/hello'))?.nlink).toBe(2);
});

test('lines of the journal that are cut or strange are left out', async () => {
  const held = await HeldFiles.load(folder);
  await held.add(await placeFile(folder, await staged(), wanted('one')));
  const journal = folder.own('held.jsonl');
  const text = await readFile(journal, 'utf8');
  await writeFile(journal, `${text}{"path":"x"}\nnonsense\n${text.slice(0, 20)}`);
  expect((await HeldFiles.load(folder)).all().map(({ path }) => path)).toEqual(['one']);
});

test('what sstream-mirror placed counts until the first run of ours', async () => {
  await mkdir(join(root, '.data'));
  const references = { 'a/b.img': ['com.example:x/com.ubuntu:p/20240101/disk.img'], '../x': ['cut'] };
  await writeFile(join(root, '.data/references.json'), JSON.stringify(references));
  const held = await HeldFiles.load(folder);
  expect(await surveyFolder(folder, held)).toMatchObject([
    { path: 'a/b.img', sound: false, items: [['com.example:x', 'com.ubuntu:p', '20240101', 'disk.img']] },
  ]);
  await held.rewrite([]);
  expect(await surveyFolder(folder, await HeldFiles.load(folder))).toEqual([]);
});

test('a document is written only where it differs', async () => {
  const documents = [{ path: 'streams/v1/index.json', bytes: Buffer.from('{}') }];
  expect(await writeDocuments(folder, documents)).toBe(1);
  expect(await writeDocuments(folder, documents)).toBe(0);
});

test('removal forgets what went and keeps what stays', async () => {
  const held = await HeldFiles.load(folder);
  for (const path of ['a', 'b']) await held.add(await placeFile(folder, await staged(), wanted(path)));
  const gone: HeldFile[] = [];
  const removal = { key: 'rm:a', imageId: 'a', name: 'a', contentId: 'c', mirror: undefined };
  const removals = [
    {
      ...removal,
      product: 'p',
      version: '1',
      item: 'a',
      action: 'delete' as const,
      reason: 'superseded' as const,
    },
  ];
  const found = await surveyFolder(folder, held);
  const removed = await removeFiles(folder, held, found, removals, async (file) => {
    gone.push(file);
    return Promise.resolve();
  });
  expect(removed).toBe(1);
  expect(gone).toMatchObject([{ path: 'a' }]);
  expect((await HeldFiles.load(folder)).all().map(({ path }) => path)).toEqual(['b']);
  expect((await readdir(root)).sort()).toEqual(['.image-stream', 'b']);
});

test('a hard link of somebody else is replaced and not written into', async () => {
  const theirs = join(outside, 'theirs');
  await writeFile(theirs, 'theirs');
  await link(theirs, join(root, 'file'));
  await folder.write('file', Buffer.from('ours'));
  expect(await readFile(theirs, 'utf8')).toBe('theirs');
});
