import { afterAll, beforeAll, expect, test } from 'vitest';
import { Glance, Swift, type GlanceImage, type Session } from '../../openstack/index.js';
import { Workbench } from '../support/cli.js';
import { localSession, uniqueName } from '../support/cloud.js';
import { imagesOf, leaveNoTrace } from '../support/leave-no-trace.js';
import { MirrorServer } from '../support/mirror-server.js';
import { makeSmallMirror, ubuntuProduct, type MirrorItem } from '../support/small-mirror.js';
import { installSstream, osVariables, sstream } from '../support/sstream.js';

const run = uniqueName('adopt');
const container = run;
const noble = ubuntuProduct('24.04');
const jammy = ubuntuProduct('22.04', 'arm64');
const old: MirrorItem[] = [
  { product: noble, version: '20240101', size: 700_000 },
  { product: jammy, version: '20240115', size: 300_000 },
];
const FILTERS = ['ftype~(disk1.img|disk.img)', 'arch~(amd64|arm64)'];

/** Of a cloud with several regions the Python tool takes the first in the catalogue, whatever `--region` says (reference §4). */
let region = 'RegionOne';
let session: Session;
let member: Session;
let bench: Workbench;
let server: MirrorServer;
const contentIds = new Set<string>();

async function ours(contentId: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  contentIds.add(contentId);
  await bench.configure({
    clouds: [{ name: 'local', regions: [region], publish: { to: 'swift', container, prefix: 'data/' } }],
    mirrors: [
      {
        name: 'ubuntu',
        url: server.url,
        path: 'streams/v1/index.json',
        signature: 'skip',
        filters: FILTERS,
        max: 1,
        content_id: contentId,
        name_prefix: `${run}/`,
      },
    ],
  });
  return bench.run(['sync']);
}

/** The same job by the Python tool, into the same place; it prints a line for each image that it makes or removes. */
async function theirs(contentId: string, ...more: string[]): Promise<string> {
  contentIds.add(contentId);
  const words = ['--max=1', `--region=${region}`, '--cloud-name=local', `--content-id=${contentId}`];
  const target = [`--name-prefix=${run}/`, `--output-swift=${container}/data/`];
  const source = [`${server.url}streams/v1/index.json`, ...FILTERS];
  return sstream(
    'sstream-mirror-glance',
    [...words, ...target, ...more, ...source],
    await osVariables('local', region),
  );
}

function imageRequests(): string[] {
  return server.requests.map(({ path }) => path).filter((path) => path.startsWith('files/'));
}

async function publishedIds(contentId: string): Promise<string[]> {
  const url = await new Swift(session, region).publicUrl(container, `data/streams/v1/${contentId}.json`);
  const text = await (await fetch(url)).text();
  return [...text.matchAll(/"id": "([^"]+)"/g)].map(([, id]) => id ?? '').sort();
}

function ids(images: GlanceImage[]): string[] {
  return images.map(({ id }) => id).sort();
}

beforeAll(async () => {
  await installSstream();
  session = await localSession();
  member = await localSession('local-member');
  bench = await Workbench.open('adopt');
  await makeSmallMirror(bench.mirrorRoot, old);
  server = await MirrorServer.start(bench.mirrorRoot);
  const swift = new Swift(session, region);
  await swift.ensureContainer(container, { readAcl: '.r:*,.rlistings' });
  region = await theirRegion();
});

/** Where the Python tool brings an image. */
async function theirRegion(): Promise<string> {
  const contentId = `${run}.probe`;
  await theirs(contentId);
  for (const one of session.regions('image')) {
    if ((await imagesOf(session, one, contentId)).length > 0) return one;
  }
  throw new Error('sstream-mirror-glance uploaded nothing');
}

afterAll(async () => {
  await bench?.close();
  await server?.close();
  if (session) {
    await leaveNoTrace(session, region, { contentIds: [...contentIds], container });
    await session.close();
  }
  await member?.close();
});

test('images of sstream-mirror-glance are adopted as they are: no byte is fetched or sent again', async () => {
  const contentId = `${run}.python`;
  expect(await theirs(contentId)).toMatch(/created .*\ncreated /);
  const before = await imagesOf(session, region, contentId);
  expect(before).toHaveLength(2);
  const fetched = imageRequests().length;

  const { code, stdout } = await ours(contentId);
  expect(code).toBe(0);
  expect(stdout).toMatch(/nothing to do, 2 images are as they should be/);
  expect(imageRequests()).toHaveLength(fetched);
  expect(await imagesOf(session, region, contentId)).toEqual(before);
  expect(await publishedIds(contentId)).toEqual(ids(before));
});

test('an adopted image that lost its visibility is mended without its metadata being touched', async () => {
  const contentId = `${run}.python`;
  const [image, ...others] = await imagesOf(session, region, contentId);
  await new Glance(session, region).patch(image?.id ?? '', { visibility: 'private' });
  const { stdout } = await ours(contentId);
  expect(stdout).toMatch(/0 added, 1 repaired/);
  const after = await imagesOf(session, region, contentId);
  const mended = after.find(({ id }) => id === image?.id);
  expect(mended).toMatchObject({ visibility: 'public', name: image?.name, properties: image?.properties });
  expect(mended?.properties.image_stream_mirror).toBeUndefined();
  expect(ids(after)).toEqual(ids([image!, ...others]));
});

test('sstream-mirror-glance recognises our images and has nothing to do', async () => {
  const contentId = `${run}.ours`;
  const { code, stdout } = await ours(contentId);
  expect(code).toBe(0);
  expect(stdout).toMatch(/2 added/);
  const before = await imagesOf(session, region, contentId);
  const fetched = imageRequests().length;

  expect(await theirs(contentId)).toBe('');
  expect(imageRequests()).toHaveLength(fetched);
  expect(await imagesOf(session, region, contentId)).toEqual(before);
  expect((await ours(contentId)).stdout).toMatch(/nothing to do, 2 images/);
  expect(await publishedIds(contentId)).toEqual(ids(before));
});

test('a new version replaces an adopted one, and images of other mirrors, tools and projects stay', async () => {
  const contentId = `${run}.python`;
  const identity = { content_id: contentId, product_name: noble, item_name: 'disk1.img' };
  const own = new Glance(session, region);
  const create = (glance: Glance, properties: Record<string, string>) =>
    glance.create({
      name: `${run}/foreign`,
      diskFormat: 'qcow2',
      containerFormat: 'bare',
      visibility: 'private',
      properties: { ...identity, ...properties },
    });
  const foreign = [
    await create(own, {
      version_name: '20200101',
      source_content_id: 'com.ubuntu.cloud:released:download',
      image_stream_mirror: 'another',
      image_stream_digest: `sha256:${'0'.repeat(64)}`,
    }),
    await create(own, { version_name: '20200102', source_content_id: 'com.example:elsewhere' }),
    // The very identity of what is to come, in another project.
    await create(new Glance(member, region), {
      version_name: '20240201',
      source_content_id: 'com.ubuntu.cloud:released:download',
    }),
  ];
  for (const { id } of foreign) {
    const glance = id === foreign[2]?.id ? new Glance(member, region) : own;
    await glance.upload(
      id,
      (async function* () {
        yield Buffer.from('foreign');
      })(),
      { size: 7 },
    );
  }
  await makeSmallMirror(bench.mirrorRoot, [{ product: noble, version: '20240201', size: 500_000 }, old[1]!]);

  const { code, stdout } = await ours(contentId);
  expect(code).toBe(0);
  expect(stdout).toMatch(/1 added .*1 removed/);
  const after = await imagesOf(session, region, contentId);
  expect(ids(after)).toEqual(expect.arrayContaining(ids(foreign)));
  const rest = after.filter(({ id }) => !foreign.some((one) => one.id === id));
  expect(
    rest
      .map(({ properties }) => `${properties.version_name} ${properties.image_stream_mirror ?? '-'}`)
      .sort(),
  ).toEqual(['20240115 -', '20240201 ubuntu']);
});
