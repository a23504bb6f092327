import { expect, test } from 'vitest';
import { mergedIndex, mergedProducts, productsPath } from '../../../targets/publish/documents.js';
import { publishedImages } from '../../../targets/publish/published-images.js';
import { imageOf, item } from './support.js';

const NOW = 'Thu, 01 Jan 2026 00:00:00 +0000';
const LATER = 'Fri, 02 Jan 2026 00:00:00 +0000';
const ENDPOINT = 'http://keystone:5000/v3';
const items = (region: string, ...versions: string[]) =>
  publishedImages(
    versions.map((version) => imageOf(item(version), { id: `${region}-${version}` })),
    { region, endpoint: ENDPOINT, owner: 'p' },
  );
const products = (existing: string | undefined, region: string, versions: string[], updated = NOW) =>
  mergedProducts(existing, 'auto.sync', region, items(region, ...versions), updated);
const index = (existing: string | undefined, region: string, document: string, endpoints = [ENDPOINT]) =>
  mergedIndex(existing, 'auto.sync', region, document, { cloudName: 'cloud', endpoints });
const ids = (text: string | undefined) =>
  [...(text ?? '').matchAll(/"id": "([^"]+)"/g)].map(([, id]) => id).sort();
const entryOf = (text: string | undefined, id = 'auto.sync'): unknown =>
  (JSON.parse(text ?? '{}') as { index: Record<string, unknown> }).index[id];

const first = products(undefined, 'RegionOne', ['20240101'])!;

test('writes a document of image ids', () => {
  expect(JSON.parse(first)).toMatchObject({
    content_id: 'auto.sync',
    datatype: 'image-ids',
    format: 'products:1.0',
    updated: NOW,
  });
});

test('writes nothing when the document says the same already', () => {
  expect(products(first, 'RegionOne', ['20240101'], LATER)).toBeUndefined();
});

test('replaces the images of its region', () => {
  expect(ids(products(first, 'RegionOne', ['20240201']))).toEqual(['RegionOne-20240201']);
});

test('keeps the images of other regions', () => {
  expect(ids(products(first, 'RegionTwo', ['20240101']))).toEqual([
    'RegionOne-20240101',
    'RegionTwo-20240101',
  ]);
});

test('settles when two regions publish in turn', () => {
  const both = products(first, 'RegionTwo', ['20240101'])!;
  expect(products(both, 'RegionOne', ['20240101'], LATER)).toBeUndefined();
  expect(products(both, 'RegionTwo', ['20240101'], LATER)).toBeUndefined();
});

test('takes its region out when it has no images any more, and leaves the others', () => {
  const both = products(first, 'RegionTwo', ['20240101'])!;
  expect(ids(products(both, 'RegionOne', []))).toEqual(['RegionTwo-20240101']);
});

test('says so with an empty document when the last image is gone', () => {
  expect(JSON.parse(products(first, 'RegionOne', [])!)).toMatchObject({ products: {} });
});

test.each([
  '',
  '{',
  'null',
  '[]',
  '{"format": "products:9"}',
  '{"format": "index:1.0", "index": {}}',
  '<html>',
])('writes the products anew over what is %j', (broken) => {
  expect(ids(products(broken, 'RegionOne', ['20240101']))).toEqual(['RegionOne-20240101']);
});

test('puts every item’s region and endpoint on the item, where Juju wants them', () => {
  expect(
    products(first, 'RegionOne', ['20240101', '20240201'])!.match(/"region": "RegionOne"/g),
  ).toHaveLength(2);
});

test('makes an entry that leads to the products and names the cloud by each of its URLs', () => {
  const made = index(undefined, 'RegionOne', first, [ENDPOINT, 'http://keystone:5000']);
  expect(entryOf(made)).toMatchObject({
    path: 'streams/v1/auto.sync.json',
    datatype: 'image-ids',
    format: 'products:1.0',
    cloudname: 'cloud',
    updated: NOW,
    products: ['com.ubuntu.cloud:server:24.04:amd64'],
    clouds: [
      { region: 'RegionOne', endpoint: ENDPOINT },
      { region: 'RegionOne', endpoint: 'http://keystone:5000' },
    ],
  });
});

test('writes no index when the entry says the same already', () => {
  expect(index(index(undefined, 'RegionOne', first), 'RegionOne', first)).toBeUndefined();
});

test('writes the index when the products were written at another time', () => {
  const later = products(undefined, 'RegionOne', ['20240101'], LATER)!;
  expect(entryOf(index(index(undefined, 'RegionOne', first), 'RegionOne', later))).toMatchObject({
    updated: LATER,
  });
});

test('keeps the clouds of other regions in the entry', () => {
  const both = index(index(undefined, 'RegionOne', first), 'RegionTwo', first);
  expect(entryOf(both)).toMatchObject({ clouds: [{ region: 'RegionOne' }, { region: 'RegionTwo' }] });
});

test('replaces the URLs of its region when they changed', () => {
  const made = index(index(undefined, 'RegionOne', first), 'RegionOne', first, ['http://new/v3']);
  expect(entryOf(made)).toMatchObject({ clouds: [{ region: 'RegionOne', endpoint: 'http://new/v3' }] });
});

test('keeps the entries of others byte for byte', () => {
  const theirs = '"theirs":   {"path":"x.json" , "n":1.0,"big":12345678901234567890,\n "s":"\\u00e9"}';
  const existing = `{"format":"index:1.0","updated":"${NOW}","index":{${theirs}}}`;
  expect(index(existing, 'RegionOne', first)).toContain(theirs);
});

test.each(['', '{', 'null', '{"format": "products:1.0"}', '{"format": "index:1.0", "index": []}'])(
  'writes an index anew over what is %j',
  (broken) => {
    expect(entryOf(index(broken, 'RegionOne', first))).toMatchObject({ datatype: 'image-ids' });
  },
);

test.each([{ clouds: 'x' }, { clouds: [null, { region: 1 }] }, 'text', null])(
  'mends an entry of its own that somebody broke: %j',
  (entry) => {
    const existing = JSON.stringify({ format: 'index:1.0', index: { 'auto.sync': entry } });
    expect(entryOf(index(existing, 'RegionOne', first))).toMatchObject({ clouds: [{ region: 'RegionOne' }] });
  },
);

test.each(['../../etc/passwd', 'a/../../b', 'index', 'x\u0000y'])(
  'writes no document for the content id %j',
  (id) => {
    expect(() => productsPath(id)).toThrow(expect.objectContaining({ code: 'UnsafePath' }));
  },
);

test('regions that take turns leave the index as it is, whoever wrote last', () => {
  const both = products(first, 'RegionTwo', ['20240101'])!;
  const two = index(undefined, 'RegionTwo', both);
  const whole = index(two, 'RegionOne', both)!;
  expect(index(whole, 'RegionTwo', both)).toBeUndefined();
  expect(index(whole, 'RegionOne', both)).toBeUndefined();
});
