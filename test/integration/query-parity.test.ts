import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { generateKey } from 'openpgp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gpgSigner } from '../../cli/inline-signer.js';
import { registerQuery } from '../../cli/query.js';
import { registerStreamsCreate } from '../../cli/streams-create.js';
import { registerStreamsSign } from '../../cli/streams-sign.js';
import { serveDirectory } from '../../mirrors/index.js';
import {
  buildImageIdsDocument,
  imageIdsEntry,
  loadKeyring,
  spliceIndexEntry,
  verifyInline,
} from '../../simplestreams/index.js';
import { capture, run } from '../unit/cli/capture.js';

/** The independent reader; its licence keeps it a program of its own, in an environment of its own. */
const PACKAGE = 'python-simplestreams==0.1.0.post59';
const execute = promisify(execFile);

let folder: string;
let venv: string;
let keyring: string;
let server: Awaited<ReturnType<typeof serveDirectory>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parity-'));
  venv = process.env.IMAGE_STREAM_SSTREAM_VENV ?? join(folder, 'venv');
  if (!existsSync(join(venv, 'bin/sstream-query'))) {
    await execute('python3', ['-m', 'venv', venv]);
    await execute(join(venv, 'bin/pip'), ['install', '--quiet', PACKAGE]);
  }
  await makeMirror();
  await writeOddStream();
  server = await serveDirectory(folder, '127.0.0.1', 0);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** Two products of two versions each, signed, as `streams create` and `streams sign` make them. */
async function makeMirror(): Promise<void> {
  const key = await generateKey({
    userIDs: [{ name: 'Mirror' }],
    type: 'rsa',
    rsaBits: 2048,
    format: 'object',
  });
  keyring = join(folder, 'mirror.gpg');
  await writeFile(keyring, key.publicKey.write());
  await writeFile(join(folder, 'key.asc'), key.privateKey.armor());
  await writeFile(join(folder, 'disk.img'), 'disk');
  await writeFile(join(folder, 'root.tar.gz'), 'root');
  for (const arch of ['amd64', 'arm64']) {
    for (const version of ['20240101', '20240102.1']) {
      const product = [
        '--product',
        `com.example:server:24.04:${arch}`,
        '--product-version',
        version,
        '--arch',
        arch,
      ];
      await streams(
        'create',
        'signed',
        'disk.img',
        'root.tar.gz',
        '--content-id',
        'com.example:test:download',
        ...product,
      );
    }
  }
  await streams('sign', 'signed', '--key', 'key.asc');
}

/** What no tidy writer makes: nested index, aliases, numbers, booleans, other scripts, integer-like keys, paths beside. */
async function writeOddStream(): Promise<void> {
  await mkdir(join(folder, 'odd/streams/v1/deep'), { recursive: true });
  const index = {
    format: 'index:1.0',
    index: {
      '7': { format: 'index:1.0', path: 'streams/v1/deep/index.json' },
      a: { format: 'products:1.0', path: 'streams/v1/a.json', clouds: [{ region: 'r' }] },
      nothing: { format: 'products:1.0' },
      other: { format: 'tarball', path: 'streams/v1/index.json' },
    },
  };
  const items = `"x": {"crsn": "one", "path": "x/é 1.img", "size": "5", "sha256": "${'0'.repeat(64)}", "n": 1.0, "big": 12345678901234567890, "e": 1e22, "b": false, "none": null, "l": [1]},
    "10": {"id": "ten", "quote": "it's \\"q\\"", "tab": "a\\tb"}, "9": {"id": "nine", "version_name": "mine", "empty": ""}`;
  const products = (id: string) =>
    `{"format": "products:1.0", "content_id": "${id}", "updated": "then", "_aliases": {"crsn": {"one": {"region": "us", "arch": "alias"}}},
      "products": {"p:é": {"arch": "amd64", "versions": {"2": {"items": {${items}}}, "10": {"items": {${items}}, "label": "new"}, "1": {}}}, "q": {}}}`;
  const write = (path: string, text: string) => writeFile(join(folder, 'odd/streams/v1', path), text);
  await write('index.json', JSON.stringify(index));
  await write(
    'deep/index.json',
    JSON.stringify({
      format: 'index:1.0',
      index: { b: { format: 'products:1.0', path: 'streams/v1/b.json' } },
    }),
  );
  await write('a.json', products('a'));
  await write('b.json', products('b'));
}

async function streams(...words: string[]): Promise<void> {
  await run(['streams', ...words], (program) => {
    const command = program.command('streams');
    registerStreamsCreate(command, capture(folder));
    registerStreamsSign(command, capture(folder));
  });
}

async function ours(words: string[]): Promise<string> {
  const io = capture(folder);
  await run(['query', ...words], (program) => registerQuery(program, io));
  return io.stdout;
}

/** Not synchronous, since the mirror is served by this very process. */
async function theirs(words: string[]): Promise<string> {
  const env = { ...process.env, PYTHONIOENCODING: 'utf-8', no_proxy: '*' };
  return (await execute(join(venv, 'bin/sstream-query'), words, { cwd: folder, env })).stdout;
}

const FORMATS = [
  ['--json'],
  [],
  ['--pretty'],
  ['-o', '%(product_name)s|%(version_name)-12s|%(item_name).3s|%(content_id)r|%%'],
];
const FILTERS = [
  [],
  ['arch=amd64'],
  ['arch~^a', 'item_name!=x'],
  ['version_name=mine'],
  ['--max=1'],
  ['--max=1', 'b=False'],
  ['gone='],
  ['n~^1\\.0$'],
];

describe.each(FORMATS.map((format) => ({ format })))('with $format', ({ format }) => {
  test.each(FILTERS.map((filters) => ({ filters })))(
    'query prints what sstream-query prints for $filters',
    async ({ filters }) => {
      for (const mirror of [
        'odd/streams/v1/index.json',
        `${server.url}odd/streams/v1/index.json`,
        `file://${folder}/odd/streams/v1/deep/index.json`,
      ]) {
        const options = filters.filter((word) => word.startsWith('-'));
        const words = [...format, ...options, mirror, ...filters.filter((word) => !word.startsWith('-'))];
        expect(await ours(words), mirror).toBe(await theirs(words));
      }
    },
  );
});

test('the mirror that we make and sign is verified and listed alike', async () => {
  for (const mirror of ['signed/', `${server.url}signed/`]) {
    const words = ['--json', '--keyring', keyring, mirror];
    const listed = await theirs(words);
    expect(JSON.parse(listed)).toHaveLength(8);
    expect(await ours(words)).toBe(listed);
  }
});

test('the documents that we publish for a cloud are read by sstream-query', async () => {
  const data = new Map(
    Object.entries({
      id: 'one',
      region: 'RegionOne',
      endpoint: 'http://k/v3',
      arch: 'amd64',
      version: '24.04',
      size: '5',
    }),
  );
  const items = ['1', '2'].map((version) => ({ product: 'p', version, item: 'disk1.img', data }));
  const updated = 'Fri, 04 Nov 2016 03:34:01 +0000';
  const entry = imageIdsEntry({
    path: 'streams/v1/c.json',
    updated,
    cloudName: 'n',
    clouds: [{ region: 'RegionOne', endpoint: 'http://k/v3' }],
    products: ['p'],
  });
  await mkdir(join(folder, 'published/streams/v1'), { recursive: true });
  await writeFile(
    join(folder, 'published/streams/v1/c.json'),
    buildImageIdsDocument({ contentId: 'c', updated, items }),
  );
  await writeFile(
    join(folder, 'published/streams/v1/index.json'),
    spliceIndexEntry(undefined, 'c', entry, updated),
  );
  const words = ['-o', '%(version_name)s %(id)s %(region)s %(arch)s', 'published/streams/v1/index.json'];
  expect(await theirs(words)).toBe('2 one RegionOne amd64\n1 one RegionOne amd64\n');
  expect(await ours(words)).toBe(await theirs(words));
});

test('what gpg signs for us verifies', async () => {
  const home = await mkdtemp(join(folder, 'gnupg-'));
  const env = { ...process.env, GNUPGHOME: home };
  await execute(
    'gpg',
    ['--batch', '--passphrase', '', '--quick-generate-key', 'Mirror <mirror@example.com>', 'rsa2048', 'sign'],
    { env },
  );
  await execute('gpg', ['--batch', '--output', join(home, 'public.gpg'), '--export'], { env });
  const signed = await gpgSigner('mirror@example.com', env)('{"a": "- dash"}\n- b');
  const { payload } = await verifyInline(signed, await loadKeyring(join(home, 'public.gpg')));
  expect(payload).toBe('{"a": "- dash"}\n- b');
  await expect(gpgSigner('nobody@example.com', env)('{}')).rejects.toMatchObject({ code: 'SigningFailed' });
  await execute('gpgconf', ['--kill', 'gpg-agent'], { env });
});
