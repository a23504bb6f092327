import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Glance, KeystoneAdmin, Swift, type GlanceImage, type Session } from '../../openstack/index.js';
import { localSession, uniqueName } from '../support/cloud.js';
import { Workbench } from '../support/cli.js';
import { MirrorServer } from '../support/mirror-server.js';
import { makeSmallMirror, ubuntuProduct, type SmallMirror } from '../support/small-mirror.js';

const MIB = 1024 * 1024;
const contentId = uniqueName('sync.test');
const container = uniqueName('sync-test');
const noble = ubuntuProduct('24.04');
const jammy = ubuntuProduct('22.04', 'arm64');

let session: Session;
let glance: Glance;
let bench: Workbench;
let mirror: SmallMirror;
let server: MirrorServer;

function configuration(overrides: Record<string, unknown> = {}) {
  return {
    clouds: [{ name: 'local', regions: ['RegionOne'], publish: { to: 'swift', container, prefix: 'data/' } }],
    mirrors: [
      {
        name: 'ubuntu',
        url: server.url,
        path: mirror.indexPath,
        keyring: mirror.keyring,
        filters: ['ftype~(disk1.img|disk.img)'],
        max: 1,
        clouds: ['local'],
        content_id: contentId,
        name_prefix: `${contentId}/`,
        visibility: 'public',
        ...overrides,
      },
    ],
  };
}

/** For how long something on this machine had to wait for a core, since it booted: other tests run at the same time. */
async function starvedMs(): Promise<number> {
  const pressure = await readFile('/proc/pressure/cpu', 'utf8').catch(() => '');
  return Number(/^some .* total=(\d+)$/m.exec(pressure)?.[1] ?? 0) / 1000;
}

async function ours(): Promise<GlanceImage[]> {
  const images: GlanceImage[] = [];
  for await (const image of glance.list({ properties: { content_id: contentId } })) images.push(image);
  return images;
}

async function fetchJson(path: string): Promise<Record<string, unknown>> {
  const url = await new Swift(session, 'RegionOne').publicUrl(container, `data/${path}`);
  const answer = await fetch(url);
  expect(answer.status, url).toBe(200);
  return (await answer.json()) as Record<string, unknown>;
}

beforeAll(async () => {
  session = await localSession();
  glance = new Glance(session, 'RegionOne');
  bench = await Workbench.open('sync');
  mirror = await makeSmallMirror(
    bench.mirrorRoot,
    [
      { product: noble, version: '20240101', size: 20 * MIB },
      { product: noble, version: '20240201', size: 24 * MIB },
      { product: jammy, version: '20240115', size: 300_000 },
      { product: jammy, version: '20240115', item: 'manifest', size: 1000 },
      // What the Python tool could not take: neither os nor version nor md5.
      {
        product: 'com.example:plain',
        version: '1',
        item: 'disk.img',
        size: 200_000,
        fields: { os: undefined, version: undefined, md5: undefined, pubname: undefined },
      },
    ],
    { signed: true },
  );
  server = await MirrorServer.start(mirror.root);
  await bench.configure(configuration());
});

afterAll(async () => {
  await bench?.close();
  await server?.close();
  if (!session) return;
  for (const { id } of await ours()) await glance.delete(id);
  const swift = new Swift(session, 'RegionOne');
  for await (const { name } of swift.list(container)) await swift.delete(container, name);
  await swift.deleteContainer(container);
  await session.close();
});

test('a dry run shows the plan as a table and changes nothing', async () => {
  const { code, stdout, stderr } = await bench.run(['sync', '--dry-run']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/3 to upload/);
  expect(stdout).toMatch(/upload +com.ubuntu.cloud:server:24.04:amd64 +20240201 +disk1.img +24.0 MiB/);
  expect(await ours()).toEqual([]);
});

test('one command brings a signed mirror into Glance, publishes it in Swift and advertises it in Keystone', async () => {
  const { code, stdout, stderr } = await bench.run(['sync']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/3 added \(24\.\d MiB\), 0 removed/);

  const images = await ours();
  expect(images.map(({ status, visibility }) => `${status} ${visibility}`)).toEqual(
    Array(3).fill('active public'),
  );
  const big = images.find(({ properties }) => properties.product_name === noble);
  expect(big).toMatchObject({
    name: `${contentId}/ubuntu-24.04-amd64-server-20240201-disk1.img`,
    size: 24 * MIB,
    diskFormat: 'qcow2',
    containerFormat: 'bare',
    properties: {
      content_id: contentId,
      source_content_id: mirror.contentId,
      version_name: '20240201',
      item_name: 'disk1.img',
      os_distro: 'ubuntu',
      os_version: '24.04',
      architecture: 'x86_64',
      image_stream_mirror: 'ubuntu',
    },
  });
  expect(JSON.parse(big?.properties.simplestreams_metadata ?? '')).toMatchObject({
    ftype: 'disk1.img',
    size: String(24 * MIB),
  });
  expect(images.find(({ properties }) => properties.product_name === jammy)?.properties.architecture).toBe(
    'aarch64',
  );

  const index = await fetchJson('streams/v1/index.json');
  expect(index).toMatchObject({
    format: 'index:1.0',
    index: {
      [contentId]: { datatype: 'image-ids', path: `streams/v1/${contentId}.json`, format: 'products:1.0' },
    },
  });
  const products = await fetchJson(`streams/v1/${contentId}.json`);
  expect(JSON.stringify(products)).toContain(big?.id);

  const admin = new KeystoneAdmin(session);
  const [service] = await admin.listServices({ type: 'product-streams' });
  expect(service?.name).toBe('image-stream');
  const endpoints = await admin.listEndpoints({
    serviceId: service?.id ?? '',
    region: 'RegionOne',
    interface: 'public',
  });
  expect(endpoints.map(({ url }) => url)).toEqual([
    await new Swift(session, 'RegionOne').publicUrl(container, 'data'),
  ]);
});

test('a second sync changes nothing and says so', async () => {
  const before = await ours();
  const requests = server.requests.length;
  const { code, stdout } = await bench.run(['sync']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/nothing to do, 3 images are as they should be/);
  expect(stdout).toMatch(/metadata of 3 images unchanged/);
  expect(await ours()).toEqual(before);
  expect(server.requests.slice(requests).every(({ path }) => path.startsWith('streams/'))).toBe(true);
});

test('an image whose properties or visibility were changed by hand is mended, and one deleted comes back', async () => {
  const images = await ours();
  const first = images.find(({ properties }) => properties.product_name === noble);
  const second = images.find(({ properties }) => properties.product_name === jammy);
  await glance.patch(first?.id ?? '', { visibility: 'private', set: { os_distro: 'other' } });
  await glance.delete(second?.id ?? '');
  const { code, stdout } = await bench.run(['sync']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/1 added .*1 repaired/);
  const after = await ours();
  expect(after).toHaveLength(3);
  expect(after.every(({ status, visibility }) => status === 'active' && visibility === 'public')).toBe(true);
  expect(after.find(({ id }) => id === first?.id)?.properties.os_distro).toBe(first?.properties.os_distro);
});

test('an image with our identity and other bytes, as a crash before the comparison could leave it, never becomes visible', async () => {
  const [right] = (await ours()).filter(({ properties }) => properties.product_name === jammy);
  const properties = { ...right?.properties };
  delete properties.image_stream_verified;
  await glance.delete(right?.id ?? '');
  const planted = await glance.create({
    name: right?.name ?? '',
    diskFormat: 'qcow2',
    containerFormat: 'bare',
    visibility: 'private',
    properties,
  });
  await glance.upload(planted.id, Readable.from([Buffer.alloc(1234)]), { size: 1234 });
  const { code, stdout } = await bench.run(['sync']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/1 added/);
  const now = (await ours()).filter(({ properties: { product_name: product } }) => product === jammy);
  expect(now.map(({ id }) => id)).not.toContain(planted.id);
  expect(now.map(({ size, checksum, visibility }) => [size, checksum, visibility])).toEqual([
    [300_000, right?.checksum, 'public'],
  ]);
});

test('JSON output carries the summary, and standard error stays empty', async () => {
  const { code, stdout, stderr } = await bench.run(['--output', 'json', 'sync']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const { runs } = JSON.parse(stdout) as { runs: { mirror: string; regions: { unchanged: number }[] }[] };
  expect(runs).toMatchObject([
    { mirror: 'ubuntu', regions: [{ region: 'RegionOne', unchanged: 3, added: 0 }] },
  ]);
});

test('an old version is removed once the new one is active, and a failing image holds its product back', async () => {
  await bench.configure(configuration({ max: 2 }));
  const bad = mirror.file(noble, '20240101');
  server.faultAlways(bad, { kind: 'wrong-bytes' });
  const failed = await bench.run(['sync']);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(/^SyncIncomplete: .*\n$/);
  expect(failed.stdout).toMatch(/ChecksumMismatch/);
  expect((await ours()).filter(({ status }) => status !== 'active')).toEqual([]);

  server.clearFaults();
  const added = await bench.run(['sync']);
  expect(added.stdout).toMatch(/1 added/);
  expect(await ours()).toHaveLength(4);
  await bench.configure(configuration({ max: 1 }));
  const removed = await bench.run(['sync']);
  expect(removed.stdout).toMatch(/1 removed/);
  const versions = (await ours()).map(({ properties }) => properties.version_name).sort();
  expect(versions).toEqual(['1', '20240115', '20240201']);
});

test('kill -9 in the middle of a download: the same command goes on from the staged bytes', async () => {
  await bench.configure(configuration({ max: 2, small_item_limit: 1000 }));
  const path = mirror.file(noble, '20240101');
  for (const { id, properties } of await ours())
    if (properties.version_name === '20240101') await glance.delete(id);
  const { execFileSync } = await import('node:child_process');
  execFileSync('rm', ['-rf', bench.staging]);
  const served = server.bytes(path);
  server.faultAlways(path, { kind: 'throttle', bytesPerSecond: 4 * MIB });
  const first = bench.start(['sync']);
  while (server.bytes(path) - served < 10 * MIB) await sleep(50);
  first.kill('SIGKILL');
  await first.finished;
  const before = server.bytes(path) - served;
  const asked = server.to(path).length;
  server.clearFaults();
  const restarted = Date.now() - (await starvedMs());
  const second = bench.start(['sync']);
  while (server.to(path).length === asked && second.exitCode === null) await sleep(50);
  const waited = Date.now() - (await starvedMs()) - restarted;
  const { code, stdout } = await second.finished;
  expect(stdout).toMatch(/under way and is gone on with/);
  expect(code).toBe(0);
  const total = server.bytes(path) - served;
  expect(server.to(path).at(-1)?.headers.range).toMatch(/^bytes=[1-9]/);
  expect(total).toBeLessThanOrEqual(20 * MIB + 8 * MIB);
  expect(before).toBeGreaterThan(10 * MIB);
  expect(waited).toBeLessThan(15_000);
  const image = (await ours()).filter(({ properties }) => properties.version_name === '20240101');
  expect(image.map(({ status, size }) => [status, size])).toEqual([['active', 20 * MIB]]);
});
