import { expect, test } from 'vitest';
import type { SourceMark } from '../../../contracts/sync.js';
import { parseTimestamp, streamTimestamp } from '../../../simplestreams/index.js';
import { mergedIndex, mergedProducts } from '../../../targets/publish/documents.js';
import { marksInIndex } from '../../../targets/publish/source-marks.js';
import { laterMark, marks, parseMark, regression } from '../../../targets/source-mark.js';

const INDEX = 'streams/v1/index.sjson';
const mark: SourceMark = {
  of: 'source',
  products: 10,
  updated: { [INDEX]: '2026-02-01T00:00:00.000Z', 'p.sjson': '2026-02-02T00:00:00.000Z' },
  seen: '2026-02-03T00:00:00.000Z',
};
const now = (more: Partial<SourceMark> = {}) => ({ ...mark, ...more });

test('a source that is as it was, or newer, has not gone back', () => {
  expect(regression(mark, now(), 0.5)).toBeUndefined();
  expect(
    regression(mark, now({ updated: { [INDEX]: '2026-03-01T00:00:00Z' }, products: 11 }), 0.5),
  ).toBeUndefined();
});

test('an older document is told with both dates, also an old one under a new index', () => {
  const updated = { [INDEX]: '2026-03-01T00:00:00Z', 'p.sjson': '2026-01-01T00:00:00Z' };
  expect(regression(mark, now({ updated }), 0.5)).toBe(
    'p.sjson is of 2026-01-01T00:00:00Z, and the one of 2026-02-02T00:00:00.000Z was taken on 2026-02-03T00:00:00.000Z',
  );
});

test('a document without a date, or one that is new, is no older one', () => {
  expect(regression(mark, now({ updated: {} }), 0.5)).toBeUndefined();
  expect(regression(mark, now({ updated: { 'new.sjson': '1999-01-01T00:00:00Z' } }), 0.5)).toBeUndefined();
});

test.each([
  [5, 0.5, false],
  [4, 0.5, true],
  [0, 0.5, true],
  [0, 1, false],
  [9, 0, true],
])('%i of 10 products with shrink_limit %d', (products, limit, refused) => {
  const said = regression(mark, now({ products }), limit);
  expect(said !== undefined).toBe(refused);
  if (refused) expect(said).toMatch(`it has ${products} products, and 10 were there`);
});

test('another source is not compared', () => {
  expect(regression(mark, now({ of: 'elsewhere', products: 0, updated: {} }), 0)).toBeUndefined();
});

test('the mark that was kept last counts, also where it is of an older source', () => {
  const allowed = now({ products: 1, seen: '2026-02-04T00:00:00.000Z' });
  expect(laterMark([mark, allowed])).toBe(allowed);
  expect(laterMark([allowed, undefined, mark])).toBe(allowed);
  expect(laterMark([undefined, undefined])).toBeUndefined();
});

test('a mark is kept anew only when something but its day differs', () => {
  expect(marks(mark, now({ seen: '2027-01-01T00:00:00Z' }))).toBe(true);
  expect(marks(undefined, now())).toBe(false);
  for (const other of [
    { products: 9 },
    { of: 'x' },
    { updated: {} },
    { updated: { ...mark.updated, 'q.sjson': mark.seen } },
  ]) {
    expect(marks(mark, now(other))).toBe(false);
  }
});

test('what is no mark is refused', () => {
  expect(parseMark(JSON.stringify(mark))).toEqual(mark);
  for (const text of [
    '',
    '{}',
    '[]',
    'null',
    JSON.stringify({ ...mark, products: -1 }),
    JSON.stringify({ ...mark, seen: 'x' }),
  ]) {
    expect(() => parseMark(text), text).toThrow(/none/);
  }
});

const place = { cloudName: 'cloud', endpoints: ['http://keystone:5000/v3'] };
const document = mergedProducts(undefined, 'auto.sync', 'RegionOne', [], streamTimestamp(new Date(0)))!;
const index = (existing: string | undefined, mirror?: string, one = mark) =>
  mergedIndex(existing, 'auto.sync', 'RegionOne', document, {
    ...place,
    ...(mirror === undefined ? {} : { mark: { mirror, mark: one } }),
  });

test('the entry of the published index keeps the marks of each mirror, also when others write it', () => {
  const plain = index(undefined)!;
  const one = index(plain, 'ubuntu')!;
  const both = index(one, '__proto__', now({ products: 3 }))!;
  expect(marksInIndex(both, 'auto.sync').get('ubuntu')).toEqual(mark);
  expect(index(both)).toBeUndefined();
  expect(index(both, 'ubuntu')).toBeUndefined();
  expect(marksInIndex(index(both, 'ubuntu', now({ products: 1 })), 'auto.sync').get('ubuntu')).toMatchObject({
    products: 1,
  });
});

test.each([
  undefined,
  '',
  'no JSON',
  '[]',
  '{"index":{"auto.sync":{"image_stream_sources":[1]}}}',
  '{"index":{"auto.sync":{"image_stream_sources":{"ubuntu":{"of":1}}}}}',
])('an index without a mark that can be read has none (%s)', (text) => {
  expect([...marksInIndex(text, 'auto.sync')]).toEqual([]);
});

test.each([
  ['Fri, 04 Nov 2016 03:34:01 +0000', '2016-11-04T03:34:01.000Z'],
  ['Tue,  3 Feb 2026 09:05 GMT', '2026-02-03T09:05:00.000Z'],
  ['04 Nov 2016 03:34:01 -0230', '2016-11-04T06:04:01.000Z'],
  ['2026-02-03T09:05:00+01:00', '2026-02-03T08:05:00.000Z'],
])('reads the date %s', (text, iso) => {
  expect(new Date(parseTimestamp(text) ?? 0).toISOString()).toBe(iso);
});

test.each(['', 'yesterday', '2026', '1', 'Fri, 99 Nov 2016 03:34:01 +0000', '20260203', 'Nov 4 2016'])(
  'takes %j for no date',
  (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  },
);
