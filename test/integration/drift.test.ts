import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Glance, KeystoneAdmin, Swift, type GlanceImage, type Session } from '../../openstack/index.js';
import { Workbench, type Finished } from '../support/cli.js';
import { localSession, uniqueName } from '../support/cloud.js';
import { listingOf, plantForeign, removeForeign, type Likeness } from '../support/foreign-images.js';
import { imagesOf, leaveNoTrace } from '../support/leave-no-trace.js';
import { MirrorServer } from '../support/mirror-server.js';
import { makeSmallMirror, ubuntuProduct, type SmallMirror } from '../support/small-mirror.js';

const REGION = 'RegionOne';
const run = uniqueName('drift');
const container = run;
const noble = ubuntuProduct('24.04');
const jammy = ubuntuProduct('22.04');
const focal = ubuntuProduct('20.04', 'arm64');
const THEIRS = 'http://127.0.0.1:1/v1/AUTH_theirs/simplestreams/data';

let session: Session;
let member: Session;
let glance: Glance;
let swift: Swift;
let admin: KeystoneAdmin;
let bench: Workbench;
let mirror: SmallMirror;
let server: MirrorServer;
const stalled = new AbortController();
let foreign: string[] = [];
let membersForeign: string[] = [];

async function configure(max: number): Promise<void> {
  await bench.configure({
    clouds: [{ name: 'local', regions: [REGION], publish: { to: 'swift', container, prefix: 'data/' } }],
    mirrors: [
      {
        name: 'ubuntu',
        url: server.url,
        path: mirror.indexPath,
        signature: 'skip',
        filters: ['ftype~(disk1.img|disk.img)'],
        max,
        content_id: run,
        name_prefix: `${run}/`,
      },
    ],
  });
}

/** The images of the mirror under test, by product and version. */
async function held(): Promise<Map<string, GlanceImage>> {
  const images = (await imagesOf(session, REGION, run)).filter(
    ({ id }) => !foreign.includes(id) && !membersForeign.includes(id),
  );
  const named = images.map((image): [string, GlanceImage] => {
    const { product_name: product, version_name: version } = image.properties;
    return [`${product} ${version}`, image];
  });
  expect(new Set(named.map(([name]) => name)).size, 'one image per identity').toBe(images.length);
  return new Map(named);
}

async function everything(): Promise<string> {
  const [own, others] = [
    await listingOf(session, REGION, foreign),
    await listingOf(member, REGION, membersForeign),
  ];
  return own + others;
}

async function verify(): Promise<{ result: Finished; differences: string[] }> {
  const result = await bench.run(['verify']);
  return {
    result,
    differences: result.stdout
      .split('\n')
      .filter((line) => /^(image|container|products|index|endpoint|item) /.test(line)),
  };
}

beforeAll(async () => {
  session = await localSession();
  member = await localSession('local-member');
  glance = new Glance(session, REGION);
  swift = new Swift(session, REGION);
  admin = new KeystoneAdmin(session);
  bench = await Workbench.open('drift');
  mirror = await makeSmallMirror(bench.mirrorRoot, [
    { product: noble, version: '20240101', size: 50_000 },
    { product: noble, version: '20240201', size: 60_000 },
    { product: jammy, version: '20240115', size: 70_000 },
    { product: focal, version: '20240115', size: 40_000 },
    { product: 'com.example:plain', version: '1', item: 'disk.img', size: 30_000 },
  ]);
  server = await MirrorServer.start(bench.mirrorRoot);
  await configure(2);
});

afterAll(async () => {
  stalled.abort();
  await bench?.close();
  await server?.close();
  if (member) {
    await removeForeign(member, REGION, membersForeign);
    await member.close();
  }
  if (session) {
    await removeForeign(session, REGION, foreign);
    await leaveNoTrace(session, REGION, { contentIds: [run], container });
    await session.close();
  }
});

test('a first sync in a cloud full of images that look like its own brings its own, and all agree', async () => {
  const { code, stdout, stderr } = await bench.run(['sync']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/5 added/);
  const [like] = [...(await held()).values()].filter(({ properties }) => properties.product_name === jammy);
  const likeness: Likeness = { contentId: run, name: like?.name ?? '', properties: like?.properties ?? {} };
  foreign = await plantForeign(session, REGION, likeness);
  // In another project even the very identity is nobody's business.
  membersForeign = [];
  for (const properties of [likeness.properties, { ...likeness.properties, version_name: '20200101' }]) {
    const own = new Glance(member, REGION);
    const { id } = await own.create({
      name: likeness.name,
      diskFormat: 'qcow2',
      containerFormat: 'bare',
      visibility: 'private',
      properties,
    });
    membersForeign.push(id);
  }
  expect(foreign.length + membersForeign.length).toBeGreaterThan(60);

  const { result, differences } = await verify();
  expect(differences).toEqual([]);
  expect(result.stdout).toMatch(/all agree \(images: 5, metadata of 5\)/);
  expect(result.code).toBe(0);
});

test('whatever is changed by hand is shown by a dry run and by verify, and one sync repairs it', async () => {
  const before = await everything();
  const own = await held();
  const idOf = (name: string) => own.get(name)?.id ?? '';

  await glance.delete(idOf(`${jammy} 20240115`));
  await glance.deactivate(idOf('com.example:plain 1'));
  await glance.patch(idOf(`${noble} 20240201`), {
    visibility: 'private',
    osHidden: true,
    name: 'x',
    set: { os_distro: 'other' },
  });
  const twin = own.get(`${focal} 20240115`)!;
  const copy = {
    name: twin.name ?? '',
    diskFormat: 'qcow2',
    containerFormat: 'bare',
    properties: twin.properties,
  };
  const duplicate = await glance.create({ ...copy, visibility: 'public' });
  const bytes = await readFile(join(mirror.root, mirror.file(focal, '20240115')));
  await glance.upload(duplicate.id, Readable.from([bytes]), { size: bytes.length });
  const queued = await glance.create({ ...copy, visibility: 'private' });
  const saving = await glance.create({
    ...copy,
    visibility: 'private',
    properties: { ...twin.properties, version_name: '20230101' },
  });
  await stallUpload(saving.id);

  const document = `data/streams/v1/${run}.json`;
  const published = (await swift.get(container, document))?.bytes.toString('utf8') ?? '';
  await swift.put(
    container,
    document,
    Buffer.from(published.replaceAll(twin.checksum ?? '', '0'.repeat(32))),
  );
  await swift.delete(container, 'data/streams/v1/index.json');
  await swift.ensureContainer(container, { readAcl: '.r:-nobody.example' });
  const [service] = await admin.listServices({ type: 'product-streams' });
  const endpoints = { serviceId: service?.id ?? '', region: REGION };
  await admin.ensureEndpoint({ ...endpoints, interface: 'public', url: THEIRS });
  for (const { id } of await admin.listEndpoints({ ...endpoints, interface: 'internal' }))
    await admin.deleteEndpoint(id);
  await configure(1);

  const all = await imagesOf(session, REGION, run);
  const dry = await bench.run(['sync', '--dry-run']);
  expect(dry.code).toBe(0);
  expect(dry.stdout).toMatch(/1 to upload .*, 2 to repair, 4 to remove/);
  for (const line of [
    new RegExp(`upload +${jammy} +20240115`),
    /repair +com.example:plain .*status/,
    new RegExp(`repair +${noble} +20240201 .*visibility, os_hidden, name, os_distro`),
    new RegExp(`remove +${noble} +20240101 .*superseded`),
    new RegExp(`remove +${focal} +20230101 .*leftover`),
    new RegExp(`remove +${focal} +20240115 .*(duplicate|replaced)`),
    `to mend: container ${container}: cannot be read by everybody`,
    `to mend: products streams/v1/${run}.json: `,
    'to mend: index streams/v1/index.json: is not there',
    `to mend: endpoint product-streams public: leads to ${THEIRS}`,
    'to mend: endpoint product-streams internal: is not in the catalogue',
  ]) {
    if (typeof line === 'string') expect(dry.stdout).toContain(line);
    else expect(dry.stdout).toMatch(line);
  }

  const { result, differences } = await verify();
  expect(result.code).toBe(1);
  expect(differences.map((line) => line.split(' ')[0]).sort()).toEqual(
    [
      ...Array<string>(7).fill('image'),
      'container',
      'products',
      'index',
      'endpoint',
      'endpoint',
      'item',
      'item',
      'item',
    ].sort(),
  );
  expect(differences.join('\n')).toMatch(/item .*another md5 than Glance says/);
  expect(await imagesOf(session, REGION, run)).toEqual(all);

  const { code, stdout, stderr } = await bench.run(['sync']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/1 added .*2 repaired, 4 removed/);
  expect(stdout).toMatch(/metadata of 4 images written/);
  const after = await held();
  expect([...after.keys()].sort()).toEqual(
    [`${focal} 20240115`, `${jammy} 20240115`, `${noble} 20240201`, 'com.example:plain 1'].sort(),
  );
  expect([...after.values()].map(({ status, visibility }) => `${status} ${visibility}`)).toEqual(
    Array(4).fill('active public'),
  );
  for (const gone of [queued.id, saving.id])
    expect([...after.values()].map(({ id }) => id)).not.toContain(gone);

  const again = await bench.run(['--output', 'json', 'verify']);
  expect(JSON.parse(again.stdout)).toMatchObject({
    agree: true,
    runs: [{ agree: true, plans: [{ counts: { unchanged: 4 } }] }],
  });
  expect(again.code).toBe(0);
  expect(await everything()).toBe(before);
});

/** Sends one byte of an image and no more: Glance holds it as `saving` as long as that lasts. */
async function stallUpload(id: string): Promise<void> {
  const body = async function* () {
    yield Buffer.from('x');
    await once(stalled.signal, 'abort');
  };
  void glance.upload(id, body(), { size: 1000, signal: stalled.signal }).catch(() => undefined);
  await expect.poll(async () => (await glance.get(id)).status, { timeout: 20_000 }).toBe('saving');
}
