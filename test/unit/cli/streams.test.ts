import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encryptKey } from 'openpgp';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { registerQuery } from '../../../cli/query.js';
import { registerStreamsCreate } from '../../../cli/streams-create.js';
import { registerStreamsSign } from '../../../cli/streams-sign.js';
import { failureOf } from '../simplestreams/failing.js';
import { testKey } from '../simplestreams/signing.js';
import { capture, run } from './capture.js';

const base = [
  '--content-id',
  'com.example:test',
  '--product',
  'com.example:server:24.04:amd64',
  '--product-version',
];
let folder: string;
let mirror: string;
let key: Awaited<ReturnType<typeof testKey>>;

beforeAll(async () => {
  key = await testKey();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'streams-'));
  mirror = join(folder, 'mirror');
  await writeFile(join(folder, 'noble.qcow2'), 'one');
  await writeFile(join(folder, 'root.tar.xz'), 'two');
  await writeFile(join(folder, 'key.asc'), key.privateKey.armor());
  await writeFile(join(folder, 'public.asc'), key.publicKey.armor());
});
const made: string[] = [];
beforeEach(() => void made.push(folder));
afterAll(() => Promise.all(made.map((path) => rm(path, { recursive: true }))));

async function streams(words: string[], env: NodeJS.ProcessEnv = {}) {
  const io = capture(folder, env);
  await run(['streams', ...words], (program) => {
    const command = program.command('streams');
    registerStreamsCreate(command, io);
    registerStreamsSign(command, io);
  });
  return io;
}

async function items(...words: string[]): Promise<Record<string, string>[]> {
  const io = capture(folder);
  await run(['query', '--json', ...words], (program) => registerQuery(program, io));
  return JSON.parse(io.stdout) as Record<string, string>[];
}

const read = (path: string) => readFile(join(mirror, path), 'utf8');

test('files become items with their facts, sizes and digests', async () => {
  const { stdout } = await streams([
    'create',
    'mirror',
    'noble.qcow2',
    'root.tar.xz',
    ...base,
    '20240101',
    '--arch',
    'amd64',
    '--os',
    'ubuntu',
    '--release',
    'noble',
    '--os-version',
    '24.04',
    '--set',
    'pubname=noble-1',
  ]);
  expect(stdout).toBe('wrote streams/v1/com.example:test.json\nwrote streams/v1/index.json\n');
  const [disk, root] = await items(`${mirror}/streams/v1/index.json`);
  expect(disk).toMatchObject({
    content_id: 'com.example:test',
    datatype: 'image-downloads',
    item_name: 'disk1.img',
    ftype: 'disk1.img',
    arch: 'amd64',
    os: 'ubuntu',
    release: 'noble',
    version: '24.04',
    pubname: 'noble-1',
    path: 'files/com.example-server-24.04-amd64/20240101/disk1.img.qcow2',
    size: '3',
    sha256: createHash('sha256').update('one').digest('hex'),
    md5: createHash('md5').update('one').digest('hex'),
  });
  expect(root).toMatchObject({
    item_name: 'root.tar.xz',
    path: 'files/com.example-server-24.04-amd64/20240101/root.tar.xz',
  });
  expect(await read(disk?.path ?? '')).toBe('one');
});

test('a later version joins the mirror, and the attributes of the older stay its own', async () => {
  await streams(['create', 'mirror', 'noble.qcow2', ...base, '20240101', '--set', 'label=beta']);
  await streams(['create', 'mirror', 'noble.qcow2', ...base, '20240102', '--arch', 'amd64']);
  const [newer, older] = await items(`${mirror}/streams/v1/index.json`);
  expect(newer).toMatchObject({ version_name: '20240102', arch: 'amd64' });
  expect(newer).not.toHaveProperty('label');
  expect(older).toMatchObject({ version_name: '20240101', label: 'beta' });
  expect(older).not.toHaveProperty('arch');
});

test('the same files again change nothing', async () => {
  const words = ['create', 'mirror', 'noble.qcow2', ...base, '20240101'];
  await streams(words);
  const before = await read('streams/v1/index.json');
  expect((await streams(words)).stdout).toBe('nothing changed\n');
  expect(await read('streams/v1/index.json')).toBe(before);
});

test('other bytes never take the place of a published file', async () => {
  await streams(['create', 'mirror', 'noble.qcow2', ...base, '20240101']);
  await writeFile(join(folder, 'noble.qcow2'), 'other');
  expect(await failureOf(streams(['create', 'mirror', 'noble.qcow2', ...base, '20240101']))).toBe('Usage');
  expect(await read('files/com.example-server-24.04-amd64/20240101/disk1.img.qcow2')).toBe('one');
});

test.each(['/proc/image-stream', 'noble.qcow2/mirror'])('a mirror cannot be made in %s', async (place) => {
  const words = ['create', place.startsWith('/') ? place : join(folder, place), 'noble.qcow2', ...base, '1'];
  expect(await failureOf(streams(words))).toBe('StagingUnwritable');
});

test('--link shares the bytes with the source', async () => {
  await streams(['create', 'mirror', 'noble.qcow2', ...base, '20240101', '--link']);
  const [item] = await items(`${mirror}/streams/v1/index.json`);
  expect((await stat(join(mirror, item?.path ?? ''))).ino).toBe(
    (await stat(join(folder, 'noble.qcow2'))).ino,
  );
});

test('a list of items makes the mirror that query lists again', async () => {
  await streams(['create', 'mirror', 'noble.qcow2', 'root.tar.xz', ...base, '20240101', '--arch', 'amd64']);
  const listed = await items(`${mirror}/streams/v1/index.json`);
  await writeFile(join(folder, 'items.json'), JSON.stringify(listed));
  await streams(['create', 'copy', '--items', 'items.json']);
  const own = ({ item_url: _url, updated: _updated, ...rest }: Record<string, string>) => rest;
  expect((await items(`${folder}/copy/streams/v1/index.json`)).map(own)).toEqual(listed.map(own));
  const document = JSON.parse(
    await readFile(join(folder, 'copy/streams/v1/com.example:test.json'), 'utf8'),
  ) as unknown;
  expect(document).toHaveProperty(
    ['products', 'com.example:server:24.04:amd64', 'versions', '20240101', 'items', 'disk1.img', 'size'],
    3,
  );
});

test('a list may name files to bring in, beside itself', async () => {
  const item = { product_name: 'p', version_name: '1', item_name: 'i', file: 'noble.qcow2', n: 1.5, b: true };
  await writeFile(join(folder, 'items.json'), JSON.stringify([item]));
  await streams(['create', 'mirror', '--items', 'items.json', '--content-id', 'c']);
  const [listed] = await items(`${mirror}/streams/v1/index.json`);
  expect(listed).toMatchObject({ path: 'files/p/1/i.qcow2', size: '3', n: '1.5', b: 'True' });
  expect(listed).not.toHaveProperty('file');
});

test.each([
  ['no files at all', [], 'Usage'],
  ['no content id', ['noble.qcow2', '--product', 'p', '--product-version', '1'], 'Usage'],
  ['no version', ['noble.qcow2', '--content-id', 'c', '--product', 'p'], 'Usage'],
  [
    'a content id with a slash',
    ['noble.qcow2', '--content-id', '../c', '--product', 'p', '--product-version', '1'],
    'ItemInvalid',
  ],
  ['a file that is not there', ['none.img', ...base, '1'], 'Usage'],
  ['two files of one item', ['noble.qcow2', 'noble.qcow2', ...base, '1'], 'ItemInvalid'],
  ['a bad --set', ['noble.qcow2', ...base, '1', '--set', 'x'], 'Usage'],
  ['a list that is not there', ['--items', 'none.json'], 'Usage'],
])('%s fails by its code', async (_, words, code) => {
  expect(await failureOf(streams(['create', 'mirror', ...words]))).toBe(code);
});

test.each([
  ['{}', 'DocumentInvalid'],
  ['[1]', 'ItemInvalid'],
  ['[{"product_name": "p"}]', 'ItemInvalid'],
  ['[{"content_id": "c", "product_name": "p", "version_name": "..", "item_name": "i"}]', 'ItemInvalid'],
  [
    '[{"content_id": "c", "product_name": "p", "version_name": "1", "item_name": "i", "l": []}]',
    'ItemInvalid',
  ],
  [
    '[{"content_id": "c", "product_name": "p", "version_name": "1", "item_name": "i", "path": "../x"}]',
    'UnsafePath',
  ],
])('the list %s fails by its code', async (text, code) => {
  await writeFile(join(folder, 'items.json'), text);
  expect(await failureOf(streams(['create', 'mirror', '--items', 'items.json']))).toBe(code);
});

test('a signed mirror verifies, from index to products', async () => {
  await streams(['create', 'mirror', 'noble.qcow2', ...base, '20240101']);
  const { stdout } = await streams(['sign', 'mirror', '--key', 'key.asc']);
  expect(stdout).toBe('signed streams/v1/com.example:test.sjson\nsigned streams/v1/index.sjson\n');
  expect(await read('streams/v1/index.sjson')).toContain('"path": "streams/v1/com.example:test.sjson"');
  expect(await read('streams/v1/index.json')).toContain('"path": "streams/v1/com.example:test.json"');
  expect(await items('--keyring', join(folder, 'public.asc'), mirror)).toHaveLength(1);
});

test('a mirror that changed since says that it must be signed again', async () => {
  await streams(['create', 'mirror', 'noble.qcow2', ...base, '20240101']);
  await streams(['sign', 'mirror', '--key', 'key.asc']);
  const { stderr } = await streams(['create', 'mirror', 'noble.qcow2', ...base, '20240102']);
  expect(stderr).toContain('streams/v1/index.sjson is older than streams/v1/index.json');
});

test('a locked key is opened with a passphrase of the environment or a file, and without one not', async () => {
  await streams(['create', 'mirror', 'noble.qcow2', ...base, '20240101']);
  const locked = await encryptKey({ privateKey: key.privateKey, passphrase: 'secret' });
  await writeFile(join(folder, 'locked.asc'), locked.armor());
  await writeFile(join(folder, 'passphrase'), 'secret\n');
  const words = ['sign', 'mirror', '--key', 'locked.asc'];
  expect(await failureOf(streams(words))).toBe('SigningFailed');
  expect(await failureOf(streams(words, { IMAGE_STREAM_PASSPHRASE: 'wrong' }))).toBe('SigningFailed');
  expect(await failureOf(streams(words, { IMAGE_STREAM_PASSPHRASE: 'secret' }))).toBeUndefined();
  expect(await failureOf(streams([...words, '--passphrase-file', 'passphrase']))).toBeUndefined();
});

test.each([
  ['no key', ['mirror'], 'Usage'],
  ['two keys', ['mirror', '--key', 'key.asc', '--gpg-key', 'x'], 'Usage'],
  ['a public key', ['mirror', '--key', 'public.asc'], 'SigningFailed'],
  ['a key that is not there', ['mirror', '--key', 'none.asc'], 'SigningFailed'],
  ['an option for a gpg key', ['mirror', '--gpg-key', '--output=x'], 'Usage'],
  ['no mirror', ['empty', '--key', 'key.asc'], 'Usage'],
])('signing with %s fails by its code', async (_, words, code) => {
  await streams(['create', 'mirror', 'noble.qcow2', ...base, '20240101']);
  const [dir = '', ...options] = words;
  const joined = options
    .join(' ')
    .replace('--gpg-key --output=x', '--gpg-key=--output=x')
    .split(' ')
    .filter(Boolean);
  expect(await failureOf(streams(['sign', dir, ...joined]))).toBe(code);
});

test('an expired key does not sign', async () => {
  const expired = await testKey({ expiresAfterDays: 30 });
  await writeFile(join(folder, 'expired.asc'), expired.privateKey.armor());
  await streams(['create', 'mirror', 'noble.qcow2', ...base, '20240101']);
  expect(await failureOf(streams(['sign', 'mirror', '--key', 'expired.asc']))).toBe('SigningFailed');
});
