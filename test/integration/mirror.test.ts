import { createHash } from 'node:crypto';
import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Workbench, type Finished } from '../support/cli.js';
import { MirrorServer } from '../support/mirror-server.js';
import {
  makeSmallMirror,
  ubuntuProduct,
  type MirrorItem,
  type SmallMirror,
} from '../support/small-mirror.js';
import { installSstream, sstream } from '../support/sstream.js';

const noble = ubuntuProduct('24.04');
const jammy = ubuntuProduct('22.04', 'arm64');
const items: MirrorItem[] = [
  { product: noble, version: '20240101', size: 400_000 },
  { product: noble, version: '20240201', size: 500_000 },
  { product: noble, version: '20240201', item: 'root.tar.xz', size: 100_000 },
  { product: jammy, version: '20240115', size: 300_000 },
];

let bench: Workbench;
let server: MirrorServer;
let source: SmallMirror;

beforeAll(() => installSstream());

beforeEach(async () => {
  bench = await Workbench.open('mirror');
  source = await makeSmallMirror(bench.mirrorRoot, items, { signed: true });
  server = await MirrorServer.start(bench.mirrorRoot);
});

afterEach(async () => {
  await bench?.close();
  await server?.close();
});

const target = (path = '') => join(bench.folder, 'target', path);

async function mirror(...more: string[]): Promise<Finished> {
  return bench.run(['mirror', server.url, target(), '--keyring', source.keyring, '--wait', '3', ...more]);
}

/** Every file of the target but what the tools note there. */
async function files(): Promise<string[]> {
  const names = await readdir(target(), { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile())
    .map((entry) => relative(target(), join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith('.image-stream/') && !path.startsWith('.data/'))
    .sort();
}

/** A digest stands for the bytes: vitest compares large buffers byte by byte. */
async function bytesOf(root: string, path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(join(root, path)))
    .digest('hex');
}
const payloads = () => server.requests.filter(({ path }) => path.startsWith('files/'));
const documents = () => [source.indexPath, source.productsPath];

test('a mirror is the source’s files and its documents to the byte, in that order, and again there is nothing to do', async () => {
  const first = await mirror();
  expect(first.stderr).toBe('');
  expect(first.code).toBe(0);
  expect(first.stdout).toMatch(/4 added/);
  const paths = [
    ...documents(),
    ...items.map((one) => source.file(one.product, one.version, one.item)),
  ].sort();
  expect(await files()).toEqual(paths);
  for (const path of paths) {
    expect(await bytesOf(target(), path), path).toEqual(await bytesOf(bench.mirrorRoot, path));
  }
  const times = await Promise.all(
    [source.file(noble, '20240201'), source.productsPath, source.indexPath].map(
      async (path) => (await stat(target(path))).ctimeMs,
    ),
  );
  expect(times).toEqual([...times].sort((a, b) => a - b));
  const read = await sstream('sstream-query', ['--no-verify', target(), '-o', '%(version_name)s']);
  expect(read.trim().split('\n').sort()).toEqual(['20240101', '20240115', '20240201', '20240201']);

  const fetched = payloads().length;
  const second = await mirror();
  expect(second.stdout).toMatch(/nothing to do, 4 files are as they should be/);
  expect(payloads()).toHaveLength(fetched);

  await writeFile(target(source.file(jammy, '20240115')), 'damaged');
  expect((await mirror()).stdout).toMatch(/1 added/);
  const healed = source.file(jammy, '20240115');
  expect(await bytesOf(target(), healed)).toEqual(await bytesOf(bench.mirrorRoot, healed));
});

test('an item that newly matches joins its version, an older version goes with its folders, and a dry run said so', async () => {
  expect((await mirror('ftype=disk1.img')).stdout).toMatch(/3 added/);
  const dry = await mirror('--max', '1', '--dry-run');
  expect(dry.stdout).toMatch(/1 to upload .*1 to remove/);
  expect(await files()).toContain(source.file(noble, '20240101'));
  expect((await mirror('--max', '1')).stdout).toMatch(/1 added .*1 removed/);
  expect(await files()).toEqual(
    [
      ...documents(),
      source.file(noble, '20240201'),
      source.file(noble, '20240201', 'root.tar.xz'),
      source.file(jammy, '20240115'),
    ].sort(),
  );
  await expect(stat(target(join(source.file(noble, '20240101'), '..')))).rejects.toMatchObject({
    code: 'ENOENT',
  });
});

test('one item that cannot be had does not stop the rest: exit 1, and its file is absent', async () => {
  await rm(join(bench.mirrorRoot, source.file(noble, '20240101')));
  const { code, stdout, stderr } = await mirror();
  expect(code).toBe(1);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stdout).toMatch(/3 added .*1 failed/);
  expect(await files()).not.toContain(source.file(noble, '20240101'));
  expect(await files()).toEqual(expect.arrayContaining([...documents(), source.file(noble, '20240201')]));
});

test('a document that is refused is one line on standard error, and nothing is brought', async () => {
  const path = join(bench.mirrorRoot, source.productsPath);
  await writeFile(path, (await readFile(path, 'utf8')).replace('20240101', '20240102'));
  const { code, stderr } = await mirror();
  expect(code).toBe(1);
  expect(stderr).toMatch(/^SignatureInvalid: .*\n$/);
  expect(await files()).toEqual([]);
  expect(payloads()).toEqual([]);
});

test('a mirror that sstream-mirror made is adopted without downloading again, and refreshed', async () => {
  await sstream('sstream-mirror', ['--no-verify', server.url, target()]);
  const fetched = payloads().length;
  expect(fetched).toBe(4);
  const { code, stdout } = await mirror('--max', '1');
  expect(code).toBe(0);
  expect(stdout).toMatch(/1 removed/);
  expect(payloads()).toHaveLength(fetched);
  expect(await files()).not.toContain(source.file(noble, '20240101'));
});

test('documents alone, the filtered index, another mirror as fall-back, and a folder as source', async () => {
  expect((await mirror('--no-item-download')).stdout).toMatch(/documents written/);
  expect(await files()).toEqual(documents().sort());

  await rm(target(), { recursive: true });
  const away = 'http://user:hidden-word@127.0.0.1:9/';
  const words = ['--keyring', source.keyring, '--wait', '8', '--mirror', server.url, '--filtered-index'];
  const { code, stdout, stderr } = await bench.run([
    'mirror',
    away,
    target(),
    ...words,
    `product_name=${jammy}`,
  ]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).not.toContain('hidden-word');
  const unsigned = documents().map((path) => path.replace('.sjson', '.json'));
  expect(await files()).toEqual([...unsigned, source.file(jammy, '20240115')].sort());
  const index = JSON.parse(await readFile(target('streams/v1/index.json'), 'utf8')) as { index: object };
  expect(JSON.stringify(index)).toContain(jammy);
  expect(JSON.stringify(index)).not.toContain(noble);

  const copy = join(bench.folder, 'copy');
  const again = await bench.run(['mirror', target(), copy, '--path', 'streams/v1/index.json', '--no-verify']);
  expect(again.code).toBe(0);
  expect(await bytesOf(copy, source.file(jammy, '20240115'))).toEqual(
    await bytesOf(bench.mirrorRoot, source.file(jammy, '20240115')),
  );
});

test('kill -9 in the middle of a file: the same command asks for the rest alone', async () => {
  const size = 24 * 1024 * 1024;
  source = await makeSmallMirror(
    bench.mirrorRoot,
    [{ product: noble, version: '20240301', item: 'large.img', size }],
    { signed: true },
  );
  const file = source.file(noble, '20240301', 'large.img');
  server.faultAlways(file, { kind: 'stall', after: size / 2 });
  const running = bench.start(['mirror', server.url, target(), '--keyring', source.keyring]);
  await vi.waitFor(() => expect(server.bytes(file)).toBeGreaterThanOrEqual(size / 2), {
    timeout: 60_000,
    interval: 200,
  });
  await sleep(2_000);
  running.kill('SIGKILL');
  await running.finished;
  server.clearFaults();
  const { code } = await mirror();
  expect(code).toBe(0);
  expect(await bytesOf(target(), file)).toEqual(await bytesOf(bench.mirrorRoot, file));
  expect(server.bytes(file)).toBeLessThanOrEqual(size + 8 * 1024 * 1024);
});
