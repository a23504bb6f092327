import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { Glance, KeystoneAdmin, Swift, type Session } from '../../openstack/index.js';
import { Workbench } from '../support/cli.js';
import { LOCAL_CLOUD, localSession, uniqueName } from '../support/cloud.js';
import { imagesOf, leaveNoTrace } from '../support/leave-no-trace.js';
import { MirrorServer } from '../support/mirror-server.js';
import { makeSmallMirror, ubuntuProduct } from '../support/small-mirror.js';

const ONE = 'RegionOne';
const TWO = 'RegionTwo';
const run = uniqueName('regions');
const container = run;
const noble = ubuntuProduct('24.04');
const jammy = ubuntuProduct('22.04');

const itemSchema = z.record(z.string(), z.string());
const productsSchema = z.object({
  products: z.record(
    z.string(),
    z.object({
      versions: z.record(z.string(), z.object({ items: z.record(z.string(), itemSchema) })),
    }),
  ),
});
const indexSchema = z.object({
  index: z.record(
    z.string(),
    z.object({
      path: z.string(),
      products: z.array(z.string()),
      clouds: z.array(z.object({ region: z.string(), endpoint: z.string() })),
    }),
  ),
});
const resultSchema = z.object({
  runs: z.array(
    z.object({
      regions: z.array(z.object({ region: z.string(), added: z.number(), unchanged: z.number() })),
    }),
  ),
});

let session: Session;
let bench: Workbench;
let server: MirrorServer;

interface Choice {
  contentId: string;
  regions?: string[];
  publish?: unknown;
}

const contentIds = new Set<string>();

async function configure({ contentId, regions, publish }: Choice): Promise<void> {
  contentIds.add(contentId);
  await bench.configure({
    clouds: [
      {
        name: 'local',
        publish: publish ?? { to: 'swift', container, prefix: 'data/' },
        ...(regions ? { regions } : {}),
      },
    ],
    mirrors: [
      {
        name: 'ubuntu',
        url: server.url,
        path: 'streams/v1/index.json',
        signature: 'skip',
        content_id: contentId,
        small_item_limit: '1MiB',
      },
    ],
  });
}

/** Items of a products document as `product version region id`. */
function published(text: string): string[] {
  return Object.entries(productsSchema.parse(JSON.parse(text)).products).flatMap(([product, { versions }]) =>
    Object.entries(versions).flatMap(([version, { items }]) =>
      Object.values(items).map(({ region, id }) => `${product} ${version} ${region} ${id}`),
    ),
  );
}

/** The images of a region as `product version region id`. */
async function held(region: string, contentId: string): Promise<string[]> {
  const images = await imagesOf(session, region, contentId);
  return images
    .filter(({ status }) => status === 'active')
    .map(({ id, properties }) => `${properties.product_name} ${properties.version_name} ${region} ${id}`);
}

async function fetchText(path: string): Promise<string> {
  const url = await new Swift(session, ONE).publicUrl(container, `data/${path}`);
  const answer = await fetch(url);
  expect(answer.status, url).toBe(200);
  return answer.text();
}

async function sync() {
  const { code, stdout, stderr } = await bench.run(['--output', 'json', 'sync']);
  expect(stderr).toBe('');
  const [result] = resultSchema.parse(JSON.parse(stdout)).runs;
  return { code, regions: result?.regions ?? [] };
}

beforeAll(async () => {
  session = await localSession();
  const regions = session.regions('image');
  if (!regions.includes(TWO)) {
    throw new Error(
      `The local cloud has ${regions.join()}: run scripts/local-cloud up --regions ${ONE},${TWO}`,
    );
  }
  bench = await Workbench.open('regions');
  await makeSmallMirror(bench.mirrorRoot, [
    { product: noble, version: '20240101', size: 2 * 1024 * 1024 },
    { product: jammy, version: '20240115', size: 100_000 },
  ]);
  server = await MirrorServer.start(bench.mirrorRoot);
});

afterAll(async () => {
  await bench?.close();
  await server?.close();
  if (!session) return;
  for (const region of [ONE, TWO]) {
    await leaveNoTrace(session, region, { contentIds: [...contentIds], container });
  }
  await session.close();
});

test('one sync gives each region its own images, and both share the documents of one destination', async () => {
  const contentId = `${run}.both`;
  await configure({ contentId });
  const { code, regions } = await sync();
  expect(code).toBe(0);
  expect(regions.map(({ region, added }) => `${region} ${added}`).sort()).toEqual([`${ONE} 2`, `${TWO} 2`]);

  const [first, second] = [await held(ONE, contentId), await held(TWO, contentId)];
  expect(first).toHaveLength(2);
  expect(second).toHaveLength(2);
  expect(published(await fetchText(`streams/v1/${contentId}.json`)).sort()).toEqual(
    [...first, ...second].sort(),
  );
  const entry = indexSchema.parse(JSON.parse(await fetchText('streams/v1/index.json'))).index[contentId];
  expect(entry?.products).toEqual([jammy, noble]);
  const { authUrl } = session.config;
  for (const region of [ONE, TWO]) {
    expect(entry?.clouds).toContainEqual({ region, endpoint: authUrl });
    expect(entry?.clouds).toContainEqual({ region, endpoint: authUrl.replace(/\/v3$/, '') });
  }
});

test('each region advertises the stream by endpoints of its own', async () => {
  const admin = new KeystoneAdmin(session);
  const [service] = await admin.listServices({ type: 'product-streams' });
  for (const region of [ONE, TWO]) {
    const url = await new Swift(session, region).publicUrl(container, 'data');
    const endpoints = await admin.listEndpoints({ serviceId: service?.id ?? '', region });
    expect(endpoints.map((one) => `${one.interface} ${one.url}`).sort()).toEqual([
      `admin ${url}`,
      `internal ${url}`,
      `public ${url}`,
    ]);
  }
});

test('what is missing in one region is brought there alone, and a second sync of both changes no document', async () => {
  const contentId = `${run}.both`;
  const [kept] = await held(ONE, contentId);
  const [image] = await imagesOf(session, TWO, contentId);
  await new Glance(session, TWO).delete(image?.id ?? '');
  const mended = await sync();
  expect(mended.regions.map(({ region, added }) => `${region} ${added}`).sort()).toEqual([
    `${ONE} 0`,
    `${TWO} 1`,
  ]);
  expect(await held(ONE, contentId)).toContain(kept);

  const before = await fetchText(`streams/v1/${contentId}.json`);
  const index = await fetchText('streams/v1/index.json');
  expect((await sync()).regions.map(({ unchanged }) => unchanged)).toEqual([2, 2]);
  expect(await fetchText(`streams/v1/${contentId}.json`)).toBe(before);
  expect(await fetchText('streams/v1/index.json')).toBe(index);
  expect(published(before).sort()).toEqual(
    [...(await held(ONE, contentId)), ...(await held(TWO, contentId))].sort(),
  );
});

test('`regions` selects: nothing reaches a region that is not named', async () => {
  const contentId = `${run}.two`;
  await configure({ contentId, regions: [TWO] });
  const { code, regions } = await sync();
  expect(code).toBe(0);
  expect(regions.map(({ region }) => region)).toEqual([TWO]);
  expect(await held(ONE, contentId)).toEqual([]);
  const second = await held(TWO, contentId);
  expect(second).toHaveLength(2);
  expect(published(await fetchText(`streams/v1/${contentId}.json`)).sort()).toEqual(second.sort());
});

test('a directory takes the documents of both regions, and nothing is advertised', async () => {
  const contentId = `${run}.{region}`;
  for (const region of [ONE, TWO]) contentIds.add(`${run}.${region}`);
  const folder = join(bench.folder, 'published');
  await configure({ contentId, publish: { to: 'directory', path: folder } });
  const { code, stdout } = await bench.run(['sync']);
  expect(code).toBe(0);
  expect(stdout).not.toMatch(/endpoint/);
  const index = indexSchema.parse(JSON.parse(await readFile(join(folder, 'streams/v1/index.json'), 'utf8')));
  for (const region of [ONE, TWO]) {
    const entry = index.index[`${run}.${region}`];
    expect(new Set(entry?.clouds.map((cloud) => cloud.region))).toEqual(new Set([region]));
    const text = await readFile(join(folder, entry?.path ?? ''), 'utf8');
    const images = await held(region, `${run}.${region}`);
    expect(images).toHaveLength(2);
    expect(published(text).sort()).toEqual(images.sort());
  }
});

async function localCloud(...args: string[]): Promise<void> {
  const script = resolve(import.meta.dirname, '../../scripts/local-cloud');
  await promisify(execFile)(script, [...args, '--state', LOCAL_CLOUD]);
}

test('a region whose Glance is down does not hold up the other, and is named at the end', async () => {
  const contentId = `${run}.dead`;
  await configure({ contentId });
  await localCloud('stop', `glance-${TWO}`);
  try {
    const syncing = bench.start(['sync', '--wait', '10']);
    while ((await held(ONE, contentId)).length < 2 && syncing.exitCode === null) await sleep(200);
    expect(syncing.exitCode).toBeNull();
    const { code, stdout, stderr } = await syncing.finished;
    expect(stderr).toMatch(/^SyncIncomplete: .*local\/RegionTwo.*\n$/);
    expect(stdout).toMatch(/ubuntu → local\/RegionOne: 2 added/);
    expect(stdout).toMatch(/ubuntu → local\/RegionTwo: failed\n {2}ServicesUnavailable: /);
    expect(code).toBe(69);
    expect(published(await fetchText(`streams/v1/${contentId}.json`)).sort()).toEqual(
      (await held(ONE, contentId)).sort(),
    );
  } finally {
    await localCloud('start', `glance-${TWO}`);
  }
  const { code, regions } = await sync();
  expect(code).toBe(0);
  expect(regions.map(({ region, added }) => `${region} ${added}`).sort()).toEqual([`${ONE} 0`, `${TWO} 2`]);
  expect(published(await fetchText(`streams/v1/${contentId}.json`)).sort()).toEqual(
    [...(await held(ONE, contentId)), ...(await held(TWO, contentId))].sort(),
  );
});
