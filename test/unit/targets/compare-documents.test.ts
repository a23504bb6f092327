import { expect, test } from 'vitest';
import { compareIndex, compareProducts, regionsIn } from '../../../targets/publish/compare-documents.js';
import { mergedIndex, mergedProducts } from '../../../targets/publish/documents.js';
import { publishedImages } from '../../../targets/publish/published-images.js';
import { imageOf, item } from './support.js';

const NOW = 'Thu, 01 Jan 2026 00:00:00 +0000';
const place = { cloudName: 'cloud', endpoints: ['http://keystone:5000/v3'] };
const items = (region: string, ...versions: string[]) =>
  publishedImages(
    versions.map((version) => imageOf(item(version), { id: `${region}-${version}` })),
    { region, endpoint: 'http://keystone:5000/v3', owner: 'p' },
  );
const written = (region: string, versions: string[], before?: string) =>
  mergedProducts(before, 'auto.sync', region, items(region, ...versions), NOW)!;
const indexOf = (products: string, before?: string) =>
  mergedIndex(before, 'auto.sync', 'RegionOne', products, place)!;
const products = (existing: string | undefined, ...versions: string[]) =>
  compareProducts(existing, 'auto.sync', 'RegionOne', items('RegionOne', ...versions), undefined).difference;
const index = (existing: string | undefined, document: string) =>
  compareIndex(existing, 'auto.sync', 'RegionOne', document, place);

const two = written('RegionOne', ['20240101', '20240201']);

test('documents as a sync wrote them do not differ', () => {
  expect(products(two, '20240101', '20240201')).toBeUndefined();
  expect(index(indexOf(two), two)).toBeUndefined();
});

test('nothing published of no images is no difference', () => {
  expect(compareProducts(undefined, 'auto.sync', 'RegionOne', [], undefined)).toEqual({ wanted: undefined });
});

test('a document that is missing tells how many images should be in it', () => {
  expect(products(undefined, '20240101', '20240201')).toMatchObject({
    what: 'streams/v1/auto.sync.json',
    state: 'missing',
    why: 'is not there; 2 images should be in it',
  });
});

test('images that are missing, too many, or told with other facts are counted', () => {
  expect(products(two, '20240201', '20240301')?.why).toBe('1 image missing, 1 image too many, of 2');
  const edited = two.replace('RegionOne-20240101', 'another');
  expect(products(edited, '20240101', '20240201')?.why).toBe('1 image with other facts, of 2');
});

test('images of other regions are not counted', () => {
  const both = written('RegionTwo', ['20240101'], two);
  expect(products(both, '20240101', '20240201')).toBeUndefined();
  expect(products(both, '20240101')?.why).toBe('1 image too many, of 1');
  expect(regionsIn(both)).toEqual(
    new Map([
      ['RegionOne', 2],
      ['RegionTwo', 1],
    ]),
  );
});

test('a document that somebody broke is said to be none', () => {
  expect(products('{', '20240101')?.why).toBe('is no products document');
  expect(products('[]', '20240101')?.why).toBe('is no products document');
  expect(index('{}', two)?.why).toBe('is no index');
});

test('a changed text that names the same images is a difference as well', () => {
  const edited = two.replace('"products:1.0"', '"products:1.0", "note": []');
  expect(products(edited, '20240101', '20240201')?.why).toBe('its text is not as it should be');
});

test('of an index the missing entry, and what of an entry is changed, is named', () => {
  const whole = indexOf(two);
  expect(index(undefined, two)).toMatchObject({ state: 'missing', what: 'streams/v1/index.json' });
  expect(index('{"format": "index:1.0", "index": {}}', two)?.why).toBe('has no entry auto.sync');
  const elsewhere = whole.replaceAll('http://keystone:5000/v3', 'http://elsewhere');
  expect(index(elsewhere, two)?.why).toBe('its entry auto.sync has another clouds');
});

test('an index is not told to differ only because its products document is gone', () => {
  const whole = indexOf(two);
  const images = items('RegionOne', '20240101', '20240201');
  const { wanted } = compareProducts(undefined, 'auto.sync', 'RegionOne', images, whole);
  expect(index(whole, wanted ?? '')).toBeUndefined();
});
