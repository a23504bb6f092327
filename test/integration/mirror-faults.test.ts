import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, statfs, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ErrorCode } from '../../contracts/error-codes.js';
import { createMirrorClient } from '../../mirrors/index.js';
import { Glance, type GlanceImage, type Session } from '../../openstack/index.js';
import { Staging, type Digest } from '../../staging/index.js';
import { Workbench } from '../support/cli.js';
import { localSession, uniqueName } from '../support/cloud.js';
import { imagesOf } from '../support/leave-no-trace.js';
import { MirrorServer, type Fault } from '../support/mirror-server.js';
import { makeSmallMirror, ubuntuProduct, type SmallMirror } from '../support/small-mirror.js';

const MIB = 1024 * 1024;
const SIZE = 1.5 * MIB;
const HALF = SIZE / 2;
const REGION = 'RegionOne';
const run = uniqueName('faults');

/** How a server misbehaves for one file: for its first requests, one each, and then always. */
interface Behaviour {
  once?: Fault[];
  always?: Fault;
}

/** One item, what the mirror and its fall-back do when it is asked for, and how it ends. */
interface Scene {
  name: string;
  size?: number;
  /** What the mirror announces, where that is a lie. */
  announced?: number;
  mirror?: Behaviour;
  fallback?: Behaviour;
  ends: 'active' | ErrorCode;
}

const always = (fault: Fault): Behaviour => ({ always: fault });
const status = (code: number, headers = {}): Fault => ({ kind: 'status', status: code, headers });
const hourFromNow = new Date(Date.now() + 3_600_000).toUTCString();
const drip: Fault = { kind: 'drip', bytes: 10, everyMs: 50 };

const healed: Scene[] = [
  { name: 'gone', mirror: always(status(404)), ends: 'active' },
  { name: 'forbidden', mirror: always(status(403)), ends: 'active' },
  { name: 'busy', mirror: always(status(429, { 'retry-after': '3600' })), ends: 'active' },
  { name: 'closed', mirror: always(status(503, { 'retry-after': hourFromNow })), ends: 'active' },
  { name: 'broken', mirror: always(status(500)), ends: 'active' },
  { name: 'hiccup', mirror: { once: [status(500)] }, fallback: always(status(404)), ends: 'active' },
  { name: 'reset', mirror: always({ kind: 'reset', after: HALF }), ends: 'active' },
  { name: 'stalled', mirror: always({ kind: 'stall', after: HALF }), ends: 'active' },
  { name: 'truncated', mirror: always({ kind: 'truncate', after: HALF }), ends: 'active' },
  { name: 'longer', mirror: always({ kind: 'longer', extra: 1 }), ends: 'active' },
  { name: 'wrong', mirror: always({ kind: 'wrong-bytes' }), ends: 'active' },
  {
    name: 'replaced',
    mirror: {
      once: [
        { kind: 'reset', after: HALF },
        { kind: 'etag', etag: '"other"' },
      ],
    },
    fallback: always(status(404)),
    ends: 'active',
  },
  {
    name: 'norange',
    mirror: always({ kind: 'reset', after: HALF }),
    fallback: always({ kind: 'no-range' }),
    ends: 'active',
  },
  {
    name: 'badrange',
    mirror: always({ kind: 'reset', after: HALF }),
    fallback: always({ kind: 'content-range', value: `bytes 5-${SIZE - 1}/${SIZE}` }),
    ends: 'active',
  },
  { name: 'loop', mirror: always({ kind: 'redirect', location: '?again' }), ends: 'active' },
  { name: 'gzip', mirror: always({ kind: 'gzip' }), ends: 'active' },
  { name: 'dripping', mirror: always(drip), ends: 'active' },
  // Beyond small_item_limit, so that a workflow of its own takes its steps.
  {
    name: 'large',
    size: 4 * MIB,
    mirror: always({ kind: 'reset', after: 2 * MIB }),
    ends: 'active',
  },
  { name: 'flipped', ends: 'active' },
  { name: 'flippedlarge', size: 4 * MIB, ends: 'active' },
  { name: 'leftover', ends: 'active' },
  {
    name: 'shared',
    size: 4 * MIB,
    mirror: always({ kind: 'throttle', bytesPerSecond: 2 * MIB }),
    ends: 'active',
  },
];

const failing: Scene[] = [
  { name: 'nowhere', mirror: always(status(403)), fallback: always(status(404)), ends: 'MirrorNotFound' },
  {
    name: 'wrongall',
    mirror: always({ kind: 'wrong-bytes' }),
    fallback: always({ kind: 'wrong-bytes' }),
    ends: 'ChecksumMismatch',
  },
  {
    name: 'longall',
    mirror: always({ kind: 'longer', extra: 7 }),
    fallback: always({ kind: 'longer', extra: 7 }),
    ends: 'SizeMismatch',
  },
  { name: 'never500', mirror: always(status(500)), fallback: always(status(500)), ends: 'MirrorError' },
  {
    name: 'neverstall',
    mirror: always({ kind: 'stall', after: 0 }),
    fallback: always({ kind: 'stall', after: 0 }),
    ends: 'MirrorStalled',
  },
  { name: 'neverdrip', mirror: always(drip), fallback: always(drip), ends: 'MirrorStalled' },
  { name: 'huge', announced: 2 ** 40, ends: 'StagingTooSmall' },
];
const scenes = [...healed, ...failing];

let session: Session;
let bench: Workbench;
let mirror: SmallMirror;
let server: MirrorServer;
let fallback: MirrorServer;
let twin: MirrorServer;
let disk: string;

const fileOf = (name: string) => mirror.file(ubuntuProduct(name), '1');
const bytesOf = (name: string) => readFile(join(mirror.root, fileOf(name)));
const sha256 = (bytes: Buffer): Digest => ({
  algorithm: 'sha256',
  hex: createHash('sha256').update(bytes).digest('hex'),
});

beforeAll(async () => {
  session = await localSession();
  bench = await Workbench.open('faults');
  mirror = await makeSmallMirror(
    bench.mirrorRoot,
    scenes.map(({ name, size = SIZE, announced }) => ({
      product: ubuntuProduct(name),
      version: '1',
      size,
      fields: announced === undefined ? {} : { size: announced },
    })),
  );
  server = await MirrorServer.start(mirror.root);
  fallback = await MirrorServer.start(mirror.root);
  twin = await MirrorServer.start(mirror.root);
  for (const scene of scenes) {
    misbehave(server, scene.name, scene.mirror);
    misbehave(fallback, scene.name, scene.fallback);
  }
  misbehave(twin, 'shared', always({ kind: 'throttle', bytesPerSecond: 2 * MIB }));
  disk = join(bench.folder, 'disk');
  await mkdir(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', disk]);
  await configure();
  await leaveThingsBehind();
});

afterAll(async () => {
  if (disk) execFileSync('umount', ['--lazy', disk]);
  await bench?.close();
  for (const one of [server, fallback, twin]) await one?.close();
  if (!session) return;
  const glance = new Glance(session, REGION);
  for (const contentId of [run, `${run}.twin`, `${run}.dead`]) {
    for (const { id } of await imagesOf(session, REGION, contentId)) await glance.delete(id);
  }
  await session.close();
});

function misbehave(at: MirrorServer, name: string, { once = [], always: forever }: Behaviour = {}): void {
  at.fault(fileOf(name), ...once);
  if (forever) at.faultAlways(fileOf(name), forever);
}

async function configure(): Promise<void> {
  const common = {
    path: mirror.indexPath,
    signature: 'skip',
    visibility: 'private',
    concurrency: 16,
    small_item_limit: '2MiB',
    stall_timeout: '2s',
    slow_limit: '20KiB',
    slow_window: '2s',
  };
  const both = { url: server.url, fallback_urls: [fallback.url] };
  const usual = ['ftype=disk1.img'];
  await bench.configure({
    clouds: [{ name: 'local', regions: [REGION], publish: 'none' }],
    staging: { path: join(disk, 'staging') },
    mirrors: [
      { ...common, ...both, name: 'main', filters: [...usual, 'release!~^rnever'], content_id: run },
      // Faults without end are ended by the time that a transfer may take.
      {
        ...common,
        ...both,
        name: 'dead',
        filters: [...usual, 'release~^rnever'],
        content_id: `${run}.dead`,
        transfer_timeout: '30s',
      },
      {
        ...common,
        name: 'twin',
        url: twin.url,
        filters: [...usual, 'release=rshared'],
        content_id: `${run}.twin`,
      },
    ],
  });
}

/** Whole files with a flipped byte, and half a file under the lease of a worker that never came back. */
async function leaveThingsBehind(): Promise<void> {
  const root = join(disk, 'staging');
  const staging = await Staging.open({ root });
  const client = createMirrorClient();
  for (const name of ['flipped', 'flippedlarge']) {
    const bytes = await bytesOf(name);
    const source = join(mirror.root, fileOf(name));
    const { signal } = new AbortController();
    const wanted = {
      digest: sha256(bytes),
      size: bytes.length,
      source,
      open: client.openRange(source),
      signal,
    };
    const { path } = await staging.download(wanted);
    const handle = await open(path, 'r+');
    await handle.write(Buffer.from([bytes.readUInt8(MIB) ^ 1]), 0, 1, MIB);
    await handle.close();
  }
  await client.close();

  const bytes = await bytesOf('leftover');
  const path = join(root, 'sha256', sha256(bytes).hex);
  await writeFile(`${path}.part`, bytes.subarray(0, HALF));
  const facts = { source: 'http://elsewhere.test/', size: SIZE, validator: {} };
  await writeFile(`${path}.part.json`, JSON.stringify(facts));
  await writeFile(`${path}.lease`, JSON.stringify({ owner: 'gone', host: 'elsewhere', pid: 1 }));
  const minuteAgo = new Date(Date.now() - 60_000);
  await utimes(`${path}.lease`, minuteAgo, minuteAgo);
}

interface Result {
  runs: { mirror: string; regions: { added: number; failures: { product: string; code: string }[] }[] }[];
}

function failures(result: Result): Record<string, string> {
  const all = result.runs.flatMap(({ regions }) => regions.flatMap((region) => region.failures));
  return Object.fromEntries(all.map(({ product, code }) => [product.split(':')[2] ?? product, code]));
}

const codesOf = (some: Scene[]) => Object.fromEntries(some.map(({ name, ends }) => [name, ends]));

/** Each of them is there once, whole, with the bytes of the mirror. */
async function expectActive(names: string[], contentId: string): Promise<void> {
  const images = await imagesOf(session, REGION, contentId);
  const shown = (image: GlanceImage) => [image.properties.product_name, image.status, image.checksum];
  const wanted = names.map(async (name) => [
    ubuntuProduct(name),
    'active',
    createHash('md5')
      .update(await bytesOf(name))
      .digest('hex'),
  ]);
  expect(images.map(shown).sort()).toEqual((await Promise.all(wanted)).sort());
}

test(
  'of a mirror with every fault, one run of two workers brings all that can be had and names the error of all that cannot',
  { timeout: 600_000 },
  async () => {
    const first = bench.start(['--output', 'json', 'sync']);
    await vi.waitFor(() => expect(server.requests.length).toBeGreaterThan(0), { timeout: 60_000 });
    const second = bench.start(['sync', 'main']);

    const pending =
      /pending: syncSmallItem .*; the last one failed: MirrorError: http:\S+never500\S+ answered 500/;
    await vi.waitFor(async () => expect((await bench.run(['show', 'dead'])).stdout).toMatch(pending), {
      timeout: 200_000,
      interval: 500,
    });

    const ended = await first.finished;
    const result = JSON.parse(ended.stdout) as Result;
    expect(failures(result)).toEqual(codesOf(failing));
    expect(ended.code).toBe(1);
    const joined = await second.finished;
    expect(joined.stdout).toContain('sync/main is under way');
    expect(joined.stderr).toMatch(/^SyncIncomplete: .*\n$/);

    await expectActive(
      healed.map(({ name }) => name),
      run,
    );
    await expectActive(['shared'], `${run}.twin`);
    const shown = (await bench.run(['show', 'main'])).stdout + (await bench.run(['show', 'dead'])).stdout;
    for (const { name, ends } of failing)
      expect(shown).toMatch(new RegExp(`${name}:amd64 1 disk1.img: ${ends}: `));
  },
);

test('what was cut went on from its bytes at the fall-back, and only where it answered the range asked for', () => {
  for (const name of ['reset', 'stalled', 'truncated', 'large']) {
    expect(fallback.to(fileOf(name))[0], name).toMatchObject({
      status: 206,
      headers: { range: expect.stringMatching(/^bytes=[1-9]/) as string },
    });
  }
  for (const name of ['norange', 'badrange'])
    expect(fallback.to(fileOf(name)).at(-1)).toMatchObject({ status: 200 });
  const replaced = server.to(fileOf('replaced'));
  expect(replaced.map((request) => [request.status, request.bytes])).toEqual([
    [200, HALF],
    [200, SIZE],
  ]);
});

test('who refused, or asked for an hour, was asked once', () => {
  for (const name of ['gone', 'forbidden', 'busy', 'closed', 'gzip', 'nowhere']) {
    expect(server.to(fileOf(name)), name).toHaveLength(1);
  }
  expect(fallback.to(fileOf('hiccup'))).toHaveLength(1);
});

test('two mirrors with one file, and two workers, downloaded it once', () => {
  const path = fileOf('shared');
  expect([server, fallback, twin].reduce((sum, one) => sum + one.bytes(path), 0)).toBe(4 * MIB);
});

test('what staging held of earlier times was used where it was right and found where it was not', async () => {
  const [leftover] = server.to(fileOf('leftover'));
  expect(leftover?.headers.range).toBe(`bytes=${HALF}-`);
  for (const name of ['flipped', 'flippedlarge']) {
    expect(server.bytes(fileOf(name)) + fallback.bytes(fileOf(name)), name).toBe(
      (await bytesOf(name)).length,
    );
  }
});

test('the next run, on a full disk, brings what has come right since', { timeout: 600_000 }, async () => {
  for (const one of [server, fallback]) one.clearFaults();
  const { bavail, bsize } = await statfs(disk);
  await writeFile(join(disk, 'ballast'), Buffer.alloc(bavail * bsize));
  const { code, stdout } = await bench.run(['--output', 'json', 'sync', 'main']);
  expect(failures(JSON.parse(stdout) as Result)).toEqual({ huge: 'StagingTooSmall' });
  expect(code).toBe(1);
  await expectActive(
    scenes.map(({ name }) => name).filter((name) => name !== 'huge' && !name.startsWith('never')),
    run,
  );
});

test('a read-only staging folder is told before a run is started', async () => {
  execFileSync('mount', ['-o', 'remount,ro', disk]);
  const { code, stdout, stderr } = await bench.run(['sync', 'main']);
  expect(stderr).toMatch(/^StagingUnwritable: .*\n$/);
  expect([code, stdout]).toEqual([2, '']);
});
