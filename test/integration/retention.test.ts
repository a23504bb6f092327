import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { Glance, Swift, type GlanceImage, type Session } from '../../openstack/index.js';
import { Workbench } from '../support/cli.js';
import { localSession, uniqueName } from '../support/cloud.js';
import { imagesOf, leaveNoTrace } from '../support/leave-no-trace.js';
import { MirrorServer } from '../support/mirror-server.js';
import { writeOwnCloud } from '../support/own-cloud.js';
import { makeSmallMirror, ubuntuProduct } from '../support/small-mirror.js';

const run = uniqueName('retention');
const [noble, jammy] = [ubuntuProduct('24.04'), ubuntuProduct('22.04')];
let session: Session;
let glance: Glance;
let bench: Workbench;
let server: MirrorServer;
let nova: Server;
let productsPath: string;
/** Ids of images that have servers, as the fake Nova says: none runs on this machine. */
const used = new Set<string>();

async function startNova(): Promise<number> {
  nova = createServer((request, response) => {
    const id = new URL(request.url ?? '', 'http://nova').searchParams.get('image') ?? '';
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ servers: used.has(id) ? [{ id: 's', image: { id } }] : [] }));
  });
  await new Promise<void>((resolve) => nova.listen(0, '127.0.0.1', resolve));
  return (nova.address() as AddressInfo).port;
}

async function configure(
  first: Record<string, unknown> = {},
  ...more: Record<string, unknown>[]
): Promise<void> {
  const mirror = {
    name: 'ubuntu',
    url: server.url,
    path: 'streams/v1/index.json',
    signature: 'skip',
    max: 1,
    content_id: run,
    name_prefix: `${run}/`,
    visibility: 'private',
  };
  await bench.configure({
    clouds: [
      { name: 'local', regions: ['RegionOne'], advertise: false, publish: { to: 'swift', container: run } },
    ],
    mirrors: [first, ...more].map((one) => ({ ...mirror, ...one })),
  });
}

/** Every version of every product there will be: files that stay as they are, so that only the documents change. */
const everything = [
  ...['1', '2', '3', '4'].map((version) => ({ product: noble, version, size: 50_000 })),
  ...['1j', '2j'].map((version) => ({ product: jammy, version, size: 50_000 })),
];
const productsSchema = z.looseObject({
  products: z.record(z.string(), z.looseObject({ versions: z.record(z.string(), z.unknown()) })),
});
let master: z.infer<typeof productsSchema>;

/** The mirror with these versions of each product, its document as of a day in 2026. */
async function serve(day: number, wanted: Record<string, string[]>): Promise<void> {
  const products = Object.entries(wanted).map(([product, names]) => {
    const versions = names.map((name) => [name, master.products[product]?.versions[name]] as const);
    return [product, { versions: Object.fromEntries(versions) }] as const;
  });
  const updated = new Date(Date.UTC(2026, 0, day)).toUTCString().replace('GMT', '+0000');
  const document = { ...master, updated, products: Object.fromEntries(products) };
  await writeFile(join(bench.mirrorRoot, productsPath), JSON.stringify(document));
}

async function images(): Promise<Map<string, GlanceImage>> {
  const found = await imagesOf(session, 'RegionOne', run);
  return new Map(found.map((image) => [image.properties.version_name ?? '', image]));
}

async function published(): Promise<string> {
  const url = await new Swift(session, 'RegionOne').publicUrl(run, `data/streams/v1/${run}.json`);
  return (await fetch(url)).text();
}

beforeAll(async () => {
  session = await localSession();
  glance = new Glance(session, 'RegionOne');
  bench = await Workbench.open('retention');
  server = await MirrorServer.start(bench.mirrorRoot);
  ({ productsPath } = await makeSmallMirror(bench.mirrorRoot, everything));
  master = productsSchema.parse(JSON.parse(await readFile(join(bench.mirrorRoot, productsPath), 'utf8')));
  const compute = `http://127.0.0.1:${await startNova()}/v2.1`;
  await writeOwnCloud(bench, { entry: { compute_endpoint_override: compute } });
});

afterAll(async () => {
  await bench?.close();
  await server?.close();
  nova?.close();
  if (!session) return;
  for (const { id } of await imagesOf(session, 'RegionOne', run))
    await glance.patch(id, { protected: false });
  await leaveNoTrace(session, 'RegionOne', { contentIds: [run], container: run });
  await session.close();
});

test('a superseded image that servers use is hidden, leaves the stream, and goes when they are gone', async () => {
  await configure();
  await serve(10, { [noble]: ['1'], [jammy]: ['1j'] });
  expect((await bench.run(['sync'])).stdout).toMatch(/2 added/);
  const first = (await images()).get('1')!;
  used.add(first.id);

  await serve(11, { [noble]: ['2'], [jammy]: ['1j'] });
  expect((await bench.run(['sync'])).stdout).toMatch(/1 added .*0 removed, 1 retired/);
  const hidden = (await images()).get('1');
  expect(hidden).toMatchObject({ id: first.id, osHidden: true, status: 'active' });
  expect(Date.parse(hidden?.properties.image_stream_retired ?? '')).toBeGreaterThan(Date.now() - 3600e3);
  expect(await published()).not.toContain(first.id);

  used.clear();
  expect((await bench.run(['sync'])).stdout).toMatch(/1 removed/);
  expect([...(await images()).keys()].sort()).toEqual(['1j', '2']);
});

test('retire: deactivate keeps a superseded image for its age, and brings it back without a byte where it is wanted again', async () => {
  await configure({ retire: 'deactivate' });
  await serve(12, { [noble]: ['2', '3'], [jammy]: ['1j'] });
  expect((await bench.run(['sync'])).stdout).toMatch(/1 added .*1 retired/);
  expect((await images()).get('2')).toMatchObject({ status: 'deactivated' });

  const bytes = server.bytes();
  await configure({ retire: 'deactivate', max: 2 });
  expect((await bench.run(['sync'])).stdout).toMatch(/0 added, 1 repaired/);
  const again = (await images()).get('2');
  expect(again).toMatchObject({ status: 'active' });
  expect(again?.properties.image_stream_retired).toBeUndefined();
  expect(
    server.requests.filter(({ path }) => path.includes('disk1.img') && path.includes('/2/')),
  ).toHaveLength(1);
  expect(server.bytes() - bytes).toBeLessThan(50_000);
});

test('a protected image stays with a warning, and the run is a success', async () => {
  await configure();
  const { id } = (await images()).get('2')!;
  await glance.patch(id, { protected: true });
  const kept = await bench.run(['sync']);
  expect(kept).toMatchObject({ code: 0 });
  expect(kept.stdout).toMatch(/warning: .*protected/);
  await glance.patch(id, { protected: false });
  expect((await bench.run(['sync'])).stdout).toMatch(/1 removed/);
});

test('a mirror that went back in time, or lost most of its products, is refused, and nothing changes', async () => {
  const before = [...(await images()).values()].map(({ id }) => id).sort();
  await serve(1, { [noble]: ['4'], [jammy]: ['1j'] });
  const older = await bench.run(['sync']);
  expect(older).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^SourceRegressed: .*--allow-older/) as string,
  });

  await serve(20, { [noble]: ['4'] });
  await configure({ shrink_limit: '40%' });
  // Without the state folder the published index still knows.
  const shrunk = await bench.run(['sync', '--dry-run'], {
    XDG_STATE_HOME: join(bench.folder, 'other-state'),
  });
  expect(shrunk).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/SourceRegressed: .*1 products, and 2/) as string,
  });
  expect([...(await images()).values()].map(({ id }) => id).sort()).toEqual(before);

  await serve(2, { [noble]: ['4'], [jammy]: ['1j'] });
  expect((await bench.run(['sync', '--allow-older'])).stdout).toMatch(/1 added .*1 removed/);
});

test('two mirrors under one content id never remove, hide or mend each other’s images', async () => {
  const both = [
    { filters: [`version=24.04`] },
    { name: 'second', filters: [`version=22.04`], retire: 'hide' },
  ];
  await configure(...both);
  await serve(21, { [noble]: ['4'], [jammy]: ['2j'] });
  expect((await bench.run(['sync'])).code).toBe(0);
  const after = await images();
  expect(after.get('1j')).toMatchObject({ osHidden: false, properties: { image_stream_mirror: 'ubuntu' } });
  expect(after.get('2j')).toMatchObject({ properties: { image_stream_mirror: 'second' } });
});
