import { afterAll, beforeAll, expect, test } from 'vitest';
import { KeystoneAdmin, Swift, type Session } from '../../openstack/index.js';
import { Workbench, type Finished } from '../support/cli.js';
import { localSession, uniqueName } from '../support/cloud.js';
import { jujuImages } from '../support/juju.js';
import { imagesOf, leaveNoTrace } from '../support/leave-no-trace.js';
import { MirrorServer } from '../support/mirror-server.js';
import { makeSmallMirror, ubuntuProduct } from '../support/small-mirror.js';
import { installSstream, sstream } from '../support/sstream.js';

const REGION = 'RegionOne';
const run = uniqueName('publish');
const container = run;
const noble = ubuntuProduct('24.04');
const jammy = ubuntuProduct('22.04', 'arm64');

/** As somebody else wrote it: spacing, order and spelling of numbers are his. */
const THEIR_ENTRY = `"com.example:theirs" :{"datatype":"image-ids","path":"streams/v1/theirs.json",
   "products":[ "com.ubuntu.cloud:server:24.04:amd64" ],"format":"products:1.0",   "revision": 1.0,
   "clouds":[{"region":"Elsewhere","endpoint":"http://elsewhere/v3"}], "serial":12345678901234567890}`;
const THEIR_INDEX = `{"index": {${THEIR_ENTRY}},\n\t"format":"index:1.0", "updated":"Thu, 01 Jan 2015 00:00:00 +0000"}`;

let session: Session;
let member: Session;
let swift: Swift;
let bench: Workbench;
let server: MirrorServer;

async function sync(cloud = 'local', more: Record<string, unknown> = {}): Promise<Finished> {
  await bench.configure({
    clouds: [{ name: cloud, regions: [REGION], publish: { to: 'swift', container, prefix: 'data/' } }],
    mirrors: [
      {
        name: 'ubuntu',
        url: server.url,
        path: 'streams/v1/index.json',
        signature: 'skip',
        filters: ['ftype~(disk1.img|disk.img)'],
        content_id: run,
        name_prefix: `${run}/`,
        ...more,
      },
    ],
  });
  return bench.run(['sync']);
}

async function source(): Promise<string> {
  return swift.publicUrl(container, 'data');
}

/** Every way in which the user of a Juju model may have written the cloud's endpoint. */
function authUrls(): string[] {
  const root = session.config.authUrl.replace(/\/v3\/?$/, '');
  return [root, `${root}/`, `${root}/v3`, `${root}/v3/`];
}

/** Ids of the images of a product, newest version first, the one that Juju prefers of each. */
async function heldIds(product: string): Promise<string[]> {
  const images = await imagesOf(session, REGION, run);
  return images
    .filter(({ properties }) => properties.product_name === product && properties.item_name === 'disk1.img')
    .sort((a, b) => (a.properties.version_name! < b.properties.version_name! ? 1 : -1))
    .map(({ id }) => id);
}

beforeAll(async () => {
  await installSstream();
  session = await localSession();
  member = await localSession('local-member');
  swift = new Swift(session, REGION);
  bench = await Workbench.open('publish');
  await makeSmallMirror(bench.mirrorRoot, [
    { product: noble, version: '20240101', size: 50_000 },
    { product: noble, version: '20240201.1', size: 60_000 },
    // Two images of one version, of which Juju shall see one.
    {
      product: noble,
      version: '20240201.1',
      item: 'another.img',
      size: 60_000,
      fields: { ftype: 'disk.img' },
    },
    // A version that is no string in the mirror.
    { product: jammy, version: '20240115', size: 70_000, fields: { version: 22.04 } },
  ]);
  server = await MirrorServer.start(bench.mirrorRoot);
  await swift.ensureContainer(container);
  await swift.put(container, 'data/streams/v1/index.json', Buffer.from(THEIR_INDEX));
  const { code, stderr } = await sync();
  expect(stderr).toBe('');
  expect(code).toBe(0);
});

afterAll(async () => {
  await bench?.close();
  await server?.close();
  for (const one of [session, member]) {
    if (!one) continue;
    if (one === session) await leaveNoTrace(one, REGION, { contentIds: [run], container });
    await one.close();
  }
});

test('sstream-query reads the published stream anonymously and finds the ids of Glance', async () => {
  const words = ['-o', '%(product_name)s %(version_name)s %(id)s %(region)s %(arch)s %(version)s'];
  const url = `${await source()}/streams/v1/${run}.json`;
  const lines = (await sstream('sstream-query', [...words, url])).trim().split('\n');
  const [newest, older] = await heldIds(noble);
  const [arm] = await heldIds(jammy);
  expect(lines.sort()).toEqual(
    [
      `${noble} 20240101 ${older} ${REGION} amd64 24.04`,
      `${noble} 20240201.1 ${newest} ${REGION} amd64 24.04`,
      `${jammy} 20240115 ${arm} ${REGION} arm64 22.04`,
    ].sort(),
  );
});

test('Juju finds each image by every form of the auth URL, the newest first', async () => {
  for (const endpoint of authUrls()) {
    const wish = { region: REGION, endpoint };
    const amd64 = await jujuImages(await source(), { ...wish, version: '24.04', arch: 'amd64' });
    expect(amd64, endpoint).toEqual(await heldIds(noble));
    expect(amd64).toHaveLength(2);
    const arm64 = await jujuImages(await source(), { ...wish, version: '22.04', arch: 'arm64' });
    expect(arm64, endpoint).toEqual(await heldIds(jammy));
  }
  const other = { region: 'RegionTwo', endpoint: session.config.authUrl, version: '24.04', arch: 'amd64' };
  expect(await jujuImages(await source(), other)).toEqual([]);
});

test('an entry of somebody else in the index is kept to the byte', async () => {
  const index = await swift.get(container, 'data/streams/v1/index.json');
  const text = index?.bytes.toString('utf8') ?? '';
  expect(text).toContain(THEIR_ENTRY);
  expect(Object.keys((JSON.parse(text) as { index: object }).index).sort()).toEqual(
    ['com.example:theirs', run].sort(),
  );
});

test('documents that Juju asks for and that are not there answer 404 or 401 to everybody', async () => {
  for (const name of ['index2.json', 'index2.sjson', 'index.sjson', 'mirrors.json', 'mirrors.sjson']) {
    const answer = await fetch(`${await source()}/streams/v1/${name}`, { redirect: 'manual' });
    expect([401, 404], name).toContain(answer.status);
  }
});

test('the stream is advertised for public, internal and admin, without a slash at the end', async () => {
  const admin = new KeystoneAdmin(session);
  const services = await admin.listServices({ type: 'product-streams' });
  expect(services).toHaveLength(1);
  const endpoints = await admin.listEndpoints({ serviceId: services[0]?.id ?? '', region: REGION });
  const url = await source();
  expect(url).toMatch(/[^/]$/);
  expect(endpoints.map((one) => [one.interface, one.url, one.enabled]).sort()).toEqual([
    ['admin', url, true],
    ['internal', url, true],
    ['public', url, true],
  ]);
});

test('an ACL, a document or an endpoint that somebody took away comes back with the next sync', async () => {
  const document = async (): Promise<object> => {
    const answer = await fetch(`${await source()}/streams/v1/${run}.json`);
    return { ...((await answer.json()) as object), updated: '' };
  };
  const before = await document();
  await swift.ensureContainer(container, { readAcl: '.r:-nobody.example' });
  await swift.delete(container, `data/streams/v1/${run}.json`);
  const admin = new KeystoneAdmin(session);
  const [service] = await admin.listServices({ type: 'product-streams' });
  for (const { id } of await admin.listEndpoints({ serviceId: service?.id ?? '', region: REGION })) {
    await admin.deleteEndpoint(id);
  }
  expect((await fetch(`${await source()}/streams/v1/index.json`)).status).toBe(401);

  const { code, stdout } = await sync();
  expect(code).toBe(0);
  expect(stdout).toMatch(/nothing to do, 4 images/);
  expect(stdout).toMatch(/metadata of 3 images written/);
  expect(stdout).toMatch(/product-streams endpoint created/);
  expect(await document()).toEqual(before);
});

test('an address that somebody else advertised is taken over, and the sync says which it was', async () => {
  const admin = new KeystoneAdmin(session);
  const [service] = await admin.listServices({ type: 'product-streams' });
  const theirs = 'http://127.0.0.1:1/v1/AUTH_theirs/simplestreams/data';
  const own = { serviceId: service?.id ?? '', region: REGION, interface: 'public' } as const;
  await admin.ensureEndpoint({ ...own, url: theirs });
  const { code, stdout } = await sync();
  expect(code).toBe(0);
  expect(stdout).toContain(
    `warning: product-streams of ${REGION} now leads to ${await source()}: public was ${theirs}`,
  );
  expect(
    await admin.listEndpoints({ serviceId: own.serviceId, region: REGION, interface: 'public' }),
  ).toMatchObject([{ url: await source() }]);
});

test('an ACL that alone was changed comes back as well', async () => {
  await swift.ensureContainer(container, { readAcl: '.r:-nobody.example' });
  const { stdout } = await sync();
  expect(stdout).toMatch(/metadata of 3 images unchanged/);
  expect((await fetch(`${await source()}/streams/v1/index.json`)).status).toBe(200);
});

test('who may not register endpoints syncs and publishes all the same, and is told what an administrator would run', async () => {
  const { code, stdout, stderr } = await sync('local-member', { visibility: 'private', max: 1 });
  try {
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const url = await new Swift(member, REGION).publicUrl(container, 'data');
    expect(stdout).toMatch(/3 added/);
    expect(stdout).toMatch(/warning: .*openstack service create --name image-stream .*product-streams/);
    for (const kind of ['public', 'internal', 'admin']) {
      expect(stdout).toContain(`openstack endpoint create --region ${REGION} product-streams ${kind} ${url}`);
    }
    const answer = await fetch(`${url}/streams/v1/${run}.json`);
    expect(answer.status).toBe(200);
  } finally {
    const own = new Swift(member, REGION);
    for await (const { name } of own.list(container)) await own.delete(container, name);
    await own.deleteContainer(container);
  }
});
