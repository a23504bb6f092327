import { expect, test } from 'vitest';
import { itemKey } from '../../../contracts/ids.js';
import type { InventoryImage } from '../../../targets/glance/inventory.js';
import {
  imagesToAskAbout,
  planRegion,
  surveyRegion,
  type CandidateItem,
  type PlanInput,
} from '../../../targets/plan.js';
import { PRODUCT, SETTINGS, adopted, digestOf, imageOf, input, item, planned } from './support.js';

const keyOf = ({ product, version, item: name }: CandidateItem) =>
  itemKey('auto.sync', product, version, name);
const failed = (...items: CandidateItem[]): PlanInput['position'] => ({
  cursor: '',
  failed: items.map(keyOf),
  repaired: [],
});
const repaired = (...items: CandidateItem[]): PlanInput['position'] => ({
  cursor: '',
  failed: [],
  repaired: items.map(keyOf),
});
const invalid = (path: string): CandidateItem => ({
  ...item(path),
  facts: { code: 'ItemInvalid', message: 'no checksum' },
});
const max = (count: number, keep = false) => ({ ...SETTINGS, max: count, keep });

test('brings what the cloud lacks, newest version first', () => {
  expect(planned({ items: [item('20240101'), item('20240301'), item('20240201')] })).toEqual([
    'upload 20240301/disk1.img',
    'upload 20240201/disk1.img',
    'upload 20240101/disk1.img',
  ]);
});

test('has nothing to do when everything is there', () => {
  const one = item('20240101');
  const page = planRegion(input({ items: [one], images: [imageOf(one)] }));
  expect(page).toMatchObject({ items: [], removals: [], next: '', counts: { unchanged: 1, upload: 0 } });
});

test('takes no more versions than max', () => {
  const items = [item('20240101'), item('20240201'), item('20240301')];
  expect(planned({ items, settings: max(2) })).toEqual([
    'upload 20240301/disk1.img',
    'upload 20240201/disk1.img',
  ]);
});

test('removes versions over max once the newer ones are there', () => {
  const [old, mid, now] = [item('20240101'), item('20240201'), item('20240301')];
  const images = [old, mid, now].map((one) => imageOf(one));
  expect(planned({ items: [old, mid, now], images, settings: max(2) })).toEqual([
    'remove 20240101/disk1.img superseded',
  ]);
});

test('removes a version that the mirror no longer has', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  expect(planned({ items: [now], images: [imageOf(old), imageOf(now)] })).toEqual([
    'remove 20240101/disk1.img superseded',
  ]);
});

test('keeps a version that the mirror no longer has while fewer than max would remain', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  const images = [imageOf(old), imageOf(now)];
  expect(planned({ items: [now], images, settings: max(2, true) })).toEqual([]);
});

test('leaves a product alone that the mirror no longer has', () => {
  expect(planned({ items: [item('20240101', {}, 'other')], images: [imageOf(item('20230101'))] })).toEqual([
    'upload 20240101/disk1.img',
  ]);
});

test('adds an item that newly matches to a version that is there', () => {
  const [disk, tarball] = [item('20240101'), item('20240101/root.tar.xz')];
  expect(planned({ items: [disk, tarball], images: [imageOf(disk)] })).toEqual([
    'upload 20240101/root.tar.xz',
  ]);
});

test('leaves the squashfs where the version has a root tarball', () => {
  const items = [item('20240101/squashfs'), item('20240101/root.tar.xz'), item('20240201/squashfs')];
  expect(planned({ items })).toEqual(['upload 20240201/squashfs', 'upload 20240101/root.tar.xz']);
});

test('brings an item once that two documents name', () => {
  const first = item('20240101');
  const second = { ...first, sourceContentId: 'other', facts: { size: 5, digest: digestOf('b') } };
  const { items } = planRegion(input({ items: [first, second] }));
  expect(items).toMatchObject([{ sourceContentId: first.sourceContentId, size: 1000 }]);
});

test('adopts an image that the Python tool uploaded', () => {
  const one = item('20240101');
  expect(planned({ items: [one], images: [adopted(one)] })).toEqual([]);
});

test('removes a superseded image that the Python tool uploaded from a document of this mirror', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  expect(planned({ items: [now], images: [adopted(old), imageOf(now)] })).toEqual([
    'remove 20240101/disk1.img superseded',
  ]);
});

test('leaves an image of the Python tool that came from another source', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  const images = [adopted(old, { sourceContentId: 'com.example:other' }), imageOf(now)];
  expect(planned({ items: [now], images })).toEqual([]);
});

test('never removes an image of another mirror', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  expect(planned({ items: [now], images: [imageOf(old, { mirror: 'other' }), imageOf(now)] })).toEqual([]);
});

test('never mends an image of another mirror', () => {
  const one = item('20240101');
  const image = imageOf(one, { mirror: 'other', visibility: 'private', name: 'theirs' });
  expect(planned({ items: [one], images: [image] })).toEqual([]);
});

test('never clears away the unfinished image of another mirror', () => {
  const one = item('20240101');
  const images = [imageOf(one), imageOf(one, { id: 'x', mirror: 'other', status: 'saving' })];
  expect(planned({ items: [one], images })).toEqual([]);
});

test('does not take versions of another mirror for its own when it counts them', () => {
  const items = [item('20240101'), item('20240201')];
  const images = [imageOf(item('20240301'), { mirror: 'other' })];
  expect(planned({ items, images, settings: max(2) })).toHaveLength(2);
});

test('brings an image whose upload was not finished', () => {
  const one = item('20240101');
  expect(planned({ items: [one], images: [imageOf(one, { status: 'queued' })] })).toEqual([
    'upload 20240101/disk1.img',
  ]);
});

test('clears away an unfinished image of its own beside the whole one', () => {
  const one = item('20240101');
  const images = [imageOf(one), imageOf(one, { id: 'x', status: 'saving' })];
  expect(planned({ items: [one], images })).toEqual(['remove 20240101/disk1.img leftover']);
});

test('leaves an unfinished image that another tool may be uploading', () => {
  const one = item('20240101');
  const images = [imageOf(one), adopted(one, { id: 'x', status: 'saving' })];
  expect(planned({ items: [one], images })).toEqual([]);
});

test('removes a second image of the same item and keeps the one with the known digest', () => {
  const one = item('20240101');
  const page = planRegion(
    input({ items: [one], images: [adopted(one, { id: 'second', createdAt: '2023' }), imageOf(one)] }),
  );
  expect(page.removals).toMatchObject([{ imageId: 'second', reason: 'duplicate' }]);
});

test('keeps the older one of two equal images, whatever the order Glance lists them in', () => {
  const one = item('20240101');
  const pair = [
    imageOf(one, { id: 'b', createdAt: '2024-01-02' }),
    imageOf(one, { id: 'a', createdAt: '2024-01-03' }),
  ];
  for (const images of [pair, [...pair].reverse()]) {
    expect(planRegion(input({ items: [one], images })).removals).toMatchObject([{ imageId: 'a' }]);
  }
});

test('prefers an active image over a deactivated one', () => {
  const one = item('20240101');
  const images = [imageOf(one, { id: 'old', createdAt: '2020', status: 'deactivated' }), imageOf(one)];
  expect(planRegion(input({ items: [one], images })).removals).toMatchObject([{ imageId: 'old' }]);
});

test('brings the file again that the mirror replaced under the same name', () => {
  const one = item('20240101');
  expect(planned({ items: [one], images: [imageOf(one, { digest: `sha256:${'b'.repeat(64)}` })] })).toEqual([
    'upload 20240101/disk1.img',
  ]);
});

test('removes the former bytes of a replaced file once the new ones are there', () => {
  const one = item('20240101');
  const images = [imageOf(one, { id: 'old', digest: `sha256:${'b'.repeat(64)}` }), imageOf(one)];
  expect(planRegion(input({ items: [one], images })).removals).toMatchObject([
    { imageId: 'old', reason: 'replaced' },
  ]);
});

test.each<[string, Partial<InventoryImage>, string[]]>([
  ['made private', { visibility: 'private' }, ['visibility']],
  ['hidden', { hidden: true }, ['os_hidden']],
  ['deactivated', { status: 'deactivated' }, ['status']],
  ['renamed', { name: 'mine' }, ['name']],
])('mends an image that somebody has %s', (_what, change, differs) => {
  const one = item('20240101');
  const image = imageOf(one, change);
  expect(planRegion(input({ items: [one], images: [image] })).items).toMatchObject([
    { action: 'finalise', imageId: image.id, differs },
  ]);
});

test('reports a repair that does not stay instead of making it again', () => {
  const one = item('20240101');
  const page = planRegion(
    input({ items: [one], images: [imageOf(one, { visibility: 'private' })], position: repaired(one) }),
  );
  expect(page.items).toEqual([]);
  expect(page.unstable).toMatchObject([
    { code: 'NotConverging', message: 'mended and different again: visibility' },
  ]);
});

test('removes nothing of a product whose repair does not stay', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  const images = [imageOf(old), imageOf(now, { status: 'deactivated' })];
  expect(planned({ items: [now], images, position: repaired(now) })).toEqual([]);
});

test('brings an image again that was mended and then deleted', () => {
  const one = item('20240101');
  expect(planned({ items: [one], position: repaired(one) })).toEqual(['upload 20240101/disk1.img']);
});

test('does not try again what failed in this run', () => {
  const one = item('20240101');
  expect(planned({ items: [one], position: failed(one) })).toEqual([]);
});

test('removes nothing of a product with a failed item', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  expect(planned({ items: [now], images: [imageOf(old)], position: failed(now) })).toEqual([]);
});

test('removes nothing of a product with an item still to bring', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  const { removals, counts } = planRegion(input({ items: [now], images: [imageOf(old)] }));
  expect({ removals, remove: counts.remove }).toEqual({ removals: [], remove: 0 });
});

test('removes nothing of a product with an item that cannot be had', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  const items = [now, invalid('20240201/root.tar.xz')];
  expect(planned({ items, images: [imageOf(old), imageOf(now)] })).toEqual([]);
});

test('goes on removing in other products when one has a failed item', () => {
  const [bad, old, now] = [item('20240201', {}, 'a'), item('20240101'), item('20240201')];
  const images = [imageOf(old), imageOf(now)];
  expect(planned({ items: [bad, now], images, position: failed(bad) })).toEqual([
    'remove 20240101/disk1.img superseded',
  ]);
});

test('removes nothing while the only image of the wanted version is a deactivated one of another mirror', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  const images = [imageOf(old), imageOf(now, { mirror: 'other', status: 'deactivated' })];
  expect(planned({ items: [now], images })).toEqual([]);
});

test('names the active image that a removed one makes room for', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  const images = [imageOf(old), imageOf(now)];
  expect(planRegion(input({ items: [now], images })).removals).toMatchObject([
    { imageId: imageOf(old).id, successorId: imageOf(now).id },
  ]);
});

test('keeps the active image of former bytes while the new ones are a deactivated image of another mirror', () => {
  const [one, other] = [item('20240101'), item('20240201')];
  const mine = imageOf(one, { id: 'mine', digest: `sha256:${'b'.repeat(64)}` });
  const theirs = imageOf(one, { id: 'theirs', mirror: 'other', status: 'deactivated' });
  expect(planned({ items: [one, other], images: [mine, theirs, imageOf(other)] })).toEqual([]);
});

test('shows no removal in a dry run that no sync would make', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  const images = [imageOf(old), imageOf(now, { mirror: 'other', status: 'deactivated' })];
  expect(planned({ items: [now], images, preview: true })).toEqual([]);
});

test('asks about images that would go and may be in use, and about no others', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  const leftover = imageOf(now, { id: 'x', status: 'saving' });
  const all = input({ items: [now], images: [imageOf(old), imageOf(now), leftover] });
  expect(imagesToAskAbout(surveyRegion(all), all)).toEqual([imageOf(old).id]);
  const careless = { ...all, settings: { ...SETTINGS, inUse: 'delete' as const } };
  expect(imagesToAskAbout(surveyRegion(careless), careless)).toEqual([]);
});

test('does not try a removal again that failed in this run', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  const image = imageOf(old);
  const position = { cursor: '', failed: [`rm:${image.id}`], repaired: [] };
  const page = planRegion(input({ items: [now], images: [image, imageOf(now)], position }));
  expect({ removals: page.removals, remove: page.counts.remove }).toEqual({ removals: [], remove: 0 });
});

test('reports an item that cannot be had, and brings the others', () => {
  const page = planRegion(input({ items: [invalid('20240201'), item('20240101')] }));
  expect(page.items).toHaveLength(1);
  expect(page.failures).toMatchObject([{ version: '20240201', code: 'ItemInvalid', message: 'no checksum' }]);
});

test('does not mind an item that cannot be had in a version nobody wants', () => {
  const page = planRegion(input({ items: [item('20240201'), invalid('20240101')], settings: max(1) }));
  expect(page).toMatchObject({ failures: [], items: [{ version: '20240201' }] });
});

test('reports an item once', () => {
  const bad = invalid('20240201');
  expect(planRegion(input({ items: [bad], position: failed(bad) })).failures).toEqual([]);
});

test('lists failures by the page, so that a broken mirror does not overflow a history', () => {
  const items = Array.from({ length: 5_000 }, (_, index) => invalid(`2024${index}`));
  const { failures } = planRegion(input({ items }));
  expect(failures.length).toBeGreaterThan(0);
  expect(JSON.stringify(failures).length).toBeLessThan(125_000);
  const rest = items.filter(({ version }) => !failures.some((one) => one.version === version));
  const next = planRegion(
    input({ items, position: { cursor: '', failed: failures.map(({ key }) => key), repaired: [] } }),
  );
  expect(next.failures.length).toBeGreaterThan(0);
  expect(rest.map(({ version }) => version)).toEqual(
    expect.arrayContaining(next.failures.map(({ version }) => version)),
  );
});

test('lists removals by the page and counts them all', () => {
  const now = item('20250101');
  const old = Array.from({ length: 500 }, (_, index) => imageOf(item(`2024${index}`)));
  const page = planRegion(input({ items: [now], images: [imageOf(now), ...old] }));
  expect(page.removals.length).toBeLessThan(500);
  expect(page.counts.remove).toBe(500);
});

test('refuses an item whose metadata would overflow a history, with a short quotation', () => {
  const page = planRegion(
    input({ items: [item('20240101', { pubname: 'x'.repeat(200_000) }), item('20240102')] }),
  );
  expect(page.items.map(({ version }) => version)).toEqual(['20240102']);
  expect(page.failures).toMatchObject([{ version: '20240101', code: 'ItemInvalid' }]);
  expect(JSON.stringify(page.failures).length).toBeLessThan(1_000);
});

/** Follows the cursor to the end of a pass. */
function pages(more: Partial<PlanInput>): string[][] {
  const found: string[][] = [];
  let cursor = '';
  do {
    const page = planRegion(input({ ...more, position: { cursor, failed: [], repaired: [] } }));
    found.push(page.items.map(({ product, version, item: name }) => `${product} ${version} ${name}`));
    cursor = page.next;
  } while (cursor !== '');
  return found;
}

test('visits each item once, page by page, in the same order as all at once', () => {
  const items = ['b', 'a', 'a/b', 'é', '\u{1f600}', '\uff01'].flatMap((product) =>
    ['1', '10', '2'].flatMap((version) =>
      ['disk1.img', 'root.tar.xz', 'z'].map((name) => item(`${version}/${name}`, {}, product)),
    ),
  );
  const whole = pages({ items, pageSize: 1_000 }).flat();
  expect(whole).toHaveLength(items.length);
  expect(new Set(whole).size).toBe(items.length);
  for (const pageSize of [1, 2, 7]) expect(pages({ items, pageSize }).flat()).toEqual(whole);
});

test('visits each item once although the images of earlier pages have come to be there', () => {
  const items = Array.from({ length: 20 }, (_, index) => item(`202401${index + 10}`));
  const images: InventoryImage[] = [];
  const seen: string[] = [];
  let cursor = '';
  do {
    const page = planRegion(
      input({
        items,
        images,
        pageSize: 3,
        settings: max(10),
        position: { cursor, failed: [], repaired: [] },
      }),
    );
    for (const { version } of page.items) {
      seen.push(version);
      images.push(imageOf(items.find((one) => one.version === version)!));
    }
    cursor = page.next;
  } while (cursor !== '');
  expect(seen).toEqual(
    items
      .slice(10)
      .map(({ version }) => version)
      .reverse(),
  );
});

test('makes a page no heavier than a history can bear', () => {
  const items = Array.from({ length: 40 }, (_, index) =>
    item(`202401${index + 10}`, { label: 'é'.repeat(2_000) }),
  );
  const page = planRegion(input({ items }));
  expect(page.items.length).toBeGreaterThan(1);
  expect(Buffer.byteLength(JSON.stringify(page.items))).toBeLessThan(125_000);
  expect(pages({ items }).flat()).toHaveLength(40);
});

test('lists removals only on a page without items', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  const bring = item('20240101', {}, 'zzz');
  const images = [imageOf(old), imageOf(now)];
  expect(planned({ items: [now, bring], images })).toEqual(['upload 20240101/disk1.img']);
});

test('shows in a dry run the removals that the uploads would allow', () => {
  const [old, now] = [item('20240101'), item('20240201')];
  expect(planned({ items: [now], images: [imageOf(old)], preview: true })).toEqual([
    'upload 20240201/disk1.img',
    'remove 20240101/disk1.img superseded',
  ]);
});

test('shows the removals of a dry run once, on its last page', () => {
  const items = [item('20240201'), item('20240301')];
  const images = [imageOf(item('20240101'))];
  const first = planRegion(input({ items, images, pageSize: 1, preview: true }));
  expect(first.removals).toEqual([]);
  const position = { cursor: first.next, failed: [], repaired: [] };
  expect(planRegion(input({ items, images, pageSize: 1, preview: true, position })).removals).toHaveLength(1);
});

test('counts the whole pass on each page', () => {
  const [a, b, c] = [item('20240101'), item('20240201'), item('20240301')];
  const images = [imageOf(a, { visibility: 'private' })];
  expect(planRegion(input({ items: [a, b, c], images, pageSize: 1 })).counts).toEqual({
    upload: 2,
    finalise: 1,
    remove: 0,
    unchanged: 0,
    bytes: 2000,
  });
});

test('gives each item the workflow id that is its lock in this cloud and region', () => {
  const { items } = planRegion(input({ items: [item('20240101')] }));
  expect(items[0]?.workflowId).toBe(`image/prod/RegionOne/auto.sync/${PRODUCT}/20240101/disk1.img`);
});

test('takes names that JavaScript knows as names like any other', () => {
  const items = [item('constructor/toString'), item('__proto__/__proto__', {}, '__proto__')];
  expect(planned({ items })).toHaveLength(2);
});

test('tells a version from an item where a slash moves between them', () => {
  const one = { ...item('x'), version: 'a/b', item: 'c' };
  const other = { ...item('x'), version: 'a', item: 'b/c' };
  expect(planned({ items: [one, other], images: [imageOf(one)] })).toEqual(['upload a/b/c']);
});

test('brings an image again whose bytes were never compared, instead of showing it', () => {
  const one = item('20240101');
  const properties = { ...imageOf(one).properties, image_stream_verified: 'another' };
  expect(planned({ items: [one], images: [imageOf(one, { visibility: 'private', properties })] })).toEqual([
    'upload 20240101/disk1.img',
  ]);
});
