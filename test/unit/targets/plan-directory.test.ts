import { expect, test } from 'vitest';
import type { HeldFile, Identity } from '../../../targets/directory/held-files.js';
import { planDirectory, type DirectoryPlanInput } from '../../../targets/directory/plan-directory.js';
import type { CandidateItem } from '../../../targets/plan.js';

const CONTENT = 'com.example:download';

interface Wish {
  product?: string;
  version: string;
  item?: string;
  path?: string;
  hex?: string;
  size?: number;
}

function wanted({ product = 'p', version, item = 'disk.img', path, hex, size = 10 }: Wish): CandidateItem {
  const names = { product, version, item };
  return {
    ...names,
    path: path ?? `${product}/${version}/${item}`,
    data: new Map(),
    ownData: new Map(),
    sourceContentId: CONTENT,
    facts: { size, digest: { algorithm: 'sha256', hex: hex ?? `${version}${item}` } },
  };
}

function held(wish: Wish, more: Partial<HeldFile & { sound: boolean }> = {}): HeldFile & { sound: boolean } {
  const { path, facts, product, version, item } = wanted(wish);
  if ('code' in facts) throw new Error('not reached');
  const identity: Identity = [CONTENT, product, version, item];
  return { path, ...facts, mtimeMs: 1, items: [identity], sound: true, ...more };
}

function plan(
  items: CandidateItem[],
  files: (HeldFile & { sound: boolean })[] = [],
  more: Partial<DirectoryPlanInput> = {},
) {
  const settings = { max: undefined, keep: false };
  const work = planDirectory({ items, held: files, settings, root: '/srv/mirror', preview: false, ...more });
  return {
    bring: work.items.map(({ item }) => item.path),
    remove: work.removals.map(({ imageId }) => imageId),
    unchanged: work.unchanged,
    failures: work.failures.map(({ code }) => code),
  };
}

test('an empty folder gets every item, newest version first', () => {
  expect(plan([wanted({ version: '1' }), wanted({ version: '2' })]).bring).toEqual([
    'p/2/disk.img',
    'p/1/disk.img',
  ]);
});

test('a file that is there unchanged stays, and one that changed is brought again', () => {
  const one = { version: '1' };
  const files = [held(one), held({ version: '2' }, { sound: false })];
  expect(plan([wanted(one), wanted({ version: '2' })], files)).toMatchObject({
    bring: ['p/2/disk.img'],
    unchanged: 1,
  });
});

test('an item that newly matches is added to a version that is there', () => {
  const files = [held({ version: '1' })];
  const items = [wanted({ version: '1' }), wanted({ version: '1', item: 'root.tar' })];
  expect(plan(items, files)).toMatchObject({ bring: ['p/1/root.tar'], unchanged: 1 });
});

test('a version over `max` goes when its successor is there, and not before', () => {
  const items = [wanted({ version: '1' }), wanted({ version: '2' })];
  const settings = { max: 1, keep: false };
  expect(plan(items, [held({ version: '1' })], { settings })).toMatchObject({
    bring: ['p/2/disk.img'],
    remove: [],
  });
  const both = [held({ version: '1' }), held({ version: '2' })];
  expect(plan(items, both, { settings })).toMatchObject({ bring: [], remove: ['p/1/disk.img'] });
});

test('a dry run lists what would go', () => {
  const items = [wanted({ version: '1' }), wanted({ version: '2' })];
  const more = { settings: { max: 1, keep: false }, preview: true };
  expect(plan(items, [held({ version: '1' })], more).remove).toEqual(['p/1/disk.img']);
});

test('`keep` holds versions that left the mirror while there are no more than `max`', () => {
  const files = [held({ version: '1' }), held({ version: '2' })];
  const items = [wanted({ version: '2' })];
  expect(plan(items, files, { settings: { max: 2, keep: true } }).remove).toEqual([]);
  expect(plan(items, files, { settings: { max: 2, keep: false } }).remove).toEqual(['p/1/disk.img']);
});

test('a product of which nothing passes the filters is left as it is', () => {
  expect(plan([wanted({ product: 'q', version: '1' })], [held({ version: '1' })]).remove).toEqual([]);
});

test('a file that several items share is brought once, and stays until the last one goes', () => {
  const shared = { path: 'pool/same', hex: 'aa' };
  const items = [wanted({ version: '2', ...shared }), wanted({ product: 'q', version: '2', ...shared })];
  expect(plan(items).bring).toEqual(['pool/same']);
  const file = held(
    { version: '1', ...shared },
    {
      items: [
        [CONTENT, 'p', '1', 'disk.img'],
        [CONTENT, 'q', '1', 'disk.img'],
      ],
    },
  );
  expect(plan(items, [file]).remove).toEqual([]);
  const settings = { max: 1, keep: false };
  const [p, q] = [wanted({ version: '3' }), wanted({ product: 'q', version: '3' })];
  const there = [held({ version: '3' }), held({ product: 'q', version: '3' })];
  expect(plan([p], [file, ...there], { settings }).remove).toEqual([]);
  expect(plan([p, q], [file, ...there], { settings }).remove).toEqual(['pool/same']);
});

test('an item that moved to another path leaves its old file only when all of the product is there', () => {
  const moved = wanted({ version: '1', path: 'new/disk.img' });
  const old = held({ version: '1' });
  expect(plan([moved], [old])).toMatchObject({ bring: ['new/disk.img'], remove: [] });
  const now = held({ version: '1', path: 'new/disk.img' });
  expect(plan([moved], [old, now])).toMatchObject({ bring: [], remove: ['p/1/disk.img'] });
});

test('two items that want other bytes at one path: the first has it, and nothing of the product goes', () => {
  const items = [
    wanted({ version: '2', path: 'x', hex: 'aa' }),
    wanted({ version: '1', path: 'x', hex: 'bb' }),
  ];
  expect(plan(items, [held({ version: '0' })])).toMatchObject({
    bring: ['x'],
    failures: ['ItemInvalid'],
    remove: [],
  });
});

test('an item without facts fails alone', () => {
  const bad = { ...wanted({ version: '2' }), facts: { code: 'ItemInvalid', message: 'no size' } };
  expect(plan([bad, wanted({ version: '1' })])).toMatchObject({
    bring: ['p/1/disk.img'],
    failures: ['ItemInvalid'],
  });
});
