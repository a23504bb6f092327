import { EventEmitter } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exitOnBrokenPipe, registerQuery } from '../../../cli/query.js';
import { failureOf } from '../simplestreams/failing.js';
import { signInline, testKey } from '../simplestreams/signing.js';
import { capture, run } from './capture.js';

let root: string;
let keyring: string;

const INDEX = {
  format: 'index:1.0',
  index: {
    'c:1': { path: 'streams/v1/c1.json', format: 'products:1.0', datatype: 'image-downloads' },
    'c:2': { path: 'streams/v1/c2.json', format: 'products:1.0', datatype: 'image-ids' },
  },
};
const NEW = { path: 'x/b.img', size: 5, md5: '0'.repeat(32), ftype: 'disk1.img' };
const OLD = { path: 'x/a.img', size: 5, ftype: 'disk1.img', b: true, f: 0, n: null, l: [1] };
const C1 = {
  format: 'products:1.0',
  content_id: 'c:1',
  products: {
    p: {
      arch: 'amd64',
      é: "ü'x",
      versions: {
        '20240101': { items: { a: OLD } },
        '20240102': { items: { a: NEW, r: { ftype: 'root.tar.gz' } } },
      },
    },
  },
};
const C2 = {
  format: 'products:1.0',
  content_id: 'c:2',
  products: { q: { versions: { '1': { items: { i: { id: 'ami-1' } } } } } },
};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'query-'));
  await mkdir(join(root, 'streams/v1'), { recursive: true });
  const key = await testKey();
  keyring = join(root, 'key.asc');
  await writeFile(keyring, key.publicKey.armor());
  const write = (name: string, text: string) => writeFile(join(root, 'streams/v1', name), text);
  await write('index.json', JSON.stringify(INDEX));
  await write('c1.json', JSON.stringify(C1).replace('"f":0', '"f":1e22'));
  await write('c2.json', JSON.stringify(C2));
  await write('index.sjson', await signInline([key.privateKey], { text: JSON.stringify(INDEX) }));
  await write('c1.sjson', await signInline([key.privateKey], { text: JSON.stringify(C1) }));
});
afterAll(() => rm(root, { recursive: true }));

async function query(...words: string[]) {
  const io = capture(root);
  await run(['query', ...words], (program) => registerQuery(program, io));
  return io;
}

// The expectations below are what sstream-query 0.1.0.post59 prints for the same mirror.

test('--json lists flat items, newest version first, keys sorted, ASCII only', async () => {
  const { stdout } = await query(
    '--json',
    `${root}/streams/v1/index.json`,
    'content_id=c:1',
    'ftype=disk1.img',
  );
  expect(stdout).toBe(`[
  {
    "arch": "amd64",
    "content_id": "c:1",
    "format": "products:1.0",
    "ftype": "disk1.img",
    "item_name": "a",
    "item_url": "${root}/x/b.img",
    "md5": "${'0'.repeat(32)}",
    "path": "x/b.img",
    "product_name": "p",
    "size": "5",
    "version_name": "20240102",
    "\\u00e9": "\\u00fc'x"
  },
  {
    "arch": "amd64",
    "b": "True",
    "content_id": "c:1",
    "f": "1e+22",
    "format": "products:1.0",
    "ftype": "disk1.img",
    "item_name": "a",
    "item_url": "${root}/x/a.img",
    "path": "x/a.img",
    "product_name": "p",
    "size": "5",
    "version_name": "20240101",
    "\\u00e9": "\\u00fc'x"
  }
]
`);
});

test('an item prints as a Python dict by default, in the order of the document', async () => {
  const { stdout } = await query(`${root}/streams/v1/index.json`, 'ftype=root.tar.gz');
  expect(stdout).toBe(
    `{'format': 'products:1.0', 'content_id': 'c:1', 'arch': 'amd64', 'é': "ü'x", 'product_name': 'p', ` +
      `'version_name': '20240102', 'ftype': 'root.tar.gz', 'item_name': 'r'}\n`,
  );
});

test('--max counts the versions that pass the filters', async () => {
  const { stdout } = await query(
    '--max=1',
    '-o',
    '%(version_name)s',
    `file://${root}/streams/v1/index.json`,
    'b=True',
  );
  expect(stdout).toBe('20240101\n');
});

test('--pretty prints a key a line where a line is too short', async () => {
  const { stdout } = await query('--pretty', `${root}/streams/v1/c2.json`);
  expect(stdout).toBe(`{'content_id': 'c:2',
 'format': 'products:1.0',
 'id': 'ami-1',
 'item_name': 'i',
 'product_name': 'q',
 'version_name': '1'}
`);
});

test('an output format lays out values, and says what an item lacks', async () => {
  const format = '[%(version_name)-10s|%(version_name)10s|%(version_name).4s|%(md5)r|100%%]';
  const { stdout, stderr } = await query(
    '-o',
    format,
    root,
    '--path',
    'streams/v1/c1.json',
    'ftype=disk1.img',
  );
  expect(stdout).toBe(`[20240102  |  20240102|2024|'${'0'.repeat(32)}'|100%]\n`);
  expect(stderr).toContain('output format failed. Missing md5\nitem: {');
});

test('no items make an empty list', async () => {
  expect((await query('--json', `${root}/streams/v1/index.json`, 'arch=none')).stdout).toBe('[]\n');
});

test('the --output json of the program is --json', async () => {
  expect((await query('--output', 'json', `${root}/streams/v1/index.json`, 'arch=none')).stdout).toBe('[]\n');
});

test('a signed path is verified with the keyring', async () => {
  const words = ['--json', '--path', 'streams/v1/c1.sjson', root];
  expect(JSON.parse((await query('--keyring', keyring, ...words)).stdout)).toHaveLength(3);
  expect(await failureOf(query('--keyring', join(root, 'none.gpg'), ...words))).toBe('KeyringMissing');
  const other = join(root, 'other.asc');
  await writeFile(other, (await testKey()).publicKey.armor());
  expect(await failureOf(query('--keyring', other, ...words))).toBe('SignatureKeyUnknown');
});

test('what a signed index leads to must be signed as well', async () => {
  expect(await failureOf(query('--keyring', keyring, `${root}/streams/v1/index.sjson`))).toBe(
    'SignatureMissing',
  );
});

test('-U takes signed documents without a keyring', async () => {
  const { stdout } = await query(
    '-U',
    '--json',
    '--keyring',
    join(root, 'none.gpg'),
    '--path',
    'streams/v1/c1.sjson',
    root,
  );
  expect(JSON.parse(stdout)).toHaveLength(3);
});

test.each([
  ['a mirror that is not there', ['/nowhere/at/all'], 'MirrorNotFound'],
  ['two outputs at once', ['--json', '--pretty', '/'], 'Usage'],
  ['a bad max', ['--max', '-1', '/'], 'Usage'],
  ['a format of numbers', ['-o', '%(size)d', '/'], 'Usage'],
  ['a bad filter', ['/', 'a~('], 'FilterSyntax'],
])('%s fails by its code', async (_, words, code) => {
  expect(await failureOf(query('-U', ...words))).toBe(code);
});

test('a reader that goes away ends the command with 141', () => {
  const output = new EventEmitter();
  const statuses: number[] = [];
  exitOnBrokenPipe(output, (status) => statuses.push(status));
  output.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  expect(statuses).toEqual([141]);
});
