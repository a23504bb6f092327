import { expect, test } from 'vitest';
import {
  flatten,
  itemChecksum,
  itemSize,
  parseDocument,
  type ProductsDocument,
} from '../../../simplestreams/index.js';
import { inheritedData } from '../../../simplestreams/tree.js';
import { codeOf } from './failing.js';

const index = (entries: string) => `{"format": "index:1.0", "updated": "now", "index": {${entries}}}`;
const products = (body: string) =>
  `{"format": "products:1.0", "content_id": "c", "n": 1.0, "products": {${body}}}`;
const item = (fields: string) =>
  products(`"p": {"arch": "amd64", "versions": {"20240101": {"items": {"i": {${fields}}}}}}`);

function productsOf(text: string): ProductsDocument {
  const document = parseDocument(text, 'd.json');
  if (document.kind !== 'products') throw new Error('no products document');
  return document;
}

test('an index entry carries its facts, and strings for filters', () => {
  const entry = `"c": {"path": "streams/v1/c.json", "format": "products:1.0", "datatype": "image-ids", "updated": "u", "products": ["a", "b'"], "x": null}`;
  const document = parseDocument(index(entry), 'index.json');
  expect(document).toMatchObject({
    kind: 'index',
    updated: 'now',
    entries: [
      {
        contentId: 'c',
        path: 'streams/v1/c.json',
        datatype: 'image-ids',
        updated: 'u',
        products: ['a', "b'"],
      },
    ],
  });
  if (document.kind === 'index') {
    expect(Object.fromEntries(document.entries[0]?.data ?? [])).toMatchObject({
      products: `['a', "b'"]`,
      x: 'None',
    });
  }
});

test.each([
  ['<!DOCTYPE html><html>', 'web page'],
  ['\n <HTML><body>Not found', 'web page'],
  ['not json', 'not JSON'],
  ['[]', 'no JSON object'],
  ['{}', 'no format'],
  ['{"format": "products:2.0"}', 'products:2.0'],
  ['{"format": "index:1.0"}', 'without an `index`'],
  ['{"format": "index:1.0", "index": {"a": 1}}', 'no object'],
  ['{"format": "products:1.0", "products": {}}', 'content_id'],
  ['{"format": "products:1.0", "content_id": "c"}', '`products`'],
  ['{"format": "products:1.0", "content_id": "c", "products": {"p": []}}', 'no object'],
  [item('"path": 5'), 'no string'],
])('%s is no document', (text, reason) => {
  expect(() => parseDocument(text, 'streams/v1/x.json')).toThrow(
    expect.objectContaining({ code: 'DocumentInvalid', message: expect.stringContaining(reason) as string }),
  );
});

test.each([
  '../a',
  'a/../../b',
  '/etc/passwd',
  '//host/a',
  'a/..',
  '..',
  'http://other/a',
  'FILE:///a',
  'a\\..\\b',
  'a\\u0000b',
  'a\\nb',
  '%2e%2E/a',
  'a%2f..%2fb',
  'a%5c..%5cb',
  '.../a',
])('the path %s is refused in items and index entries', (path) => {
  const written = path.replace(/\\(?![un])/g, '\\\\');
  expect(codeOf(() => parseDocument(item(`"path": "${written}"`), 'd'))).toBe('UnsafePath');
  expect(codeOf(() => parseDocument(index(`"c": {"path": "${written}"}`), 'd'))).toBe('UnsafePath');
});

test.each(['a', './a', 'a//b', '.a/..b', '~/x', 'com.ubuntu.cloud:released/a..b', 'a/...b', ''])(
  'the path %j is accepted',
  (path) => {
    expect(codeOf(() => parseDocument(item(`"path": "${path}"`), 'd'))).toBeUndefined();
  },
);

test('a path that an alias brings in is checked too', () => {
  const text = `{"format": "products:1.0", "content_id": "c", "_aliases": {"k": {"1": {"path": "../x"}}}, "products": {"p": {"versions": {"v": {"items": {"i": {"k": "1"}}}}}}}`;
  expect(codeOf(() => parseDocument(text, 'd'))).toBe('UnsafePath');
});

test('aliases that contain themselves come to an end', () => {
  const alias = '{"k": "1", "sub": {"k": "1", "sub": {}}}';
  const text = `{"format": "products:1.0", "content_id": "c", "_aliases": {"k": {"1": ${alias}}}, "products": {"p": {"k": "1", "sub": {}}}}`;
  expect(codeOf(() => parseDocument(text, 'd'))).toBeUndefined();
});

test('an item inherits from version, product and document, and has its names', () => {
  const [flat] = flatten(productsOf(item('"arch": "arm64", "size": 5, "l": [1]')));
  expect(flat).toMatchObject({ product: 'p', version: '20240101', item: 'i' });
  expect(Object.fromEntries(flat?.data ?? [])).toEqual({
    format: 'products:1.0',
    content_id: 'c',
    n: '1.0',
    arch: 'arm64',
    size: '5',
    product_name: 'p',
    version_name: '20240101',
    item_name: 'i',
  });
});

test('without the top an item inherits nothing of the document', () => {
  const [flat] = flatten(productsOf(item('"size": 5')), { includeTop: false });
  expect([...(flat?.data.keys() ?? [])]).toEqual([
    'arch',
    'product_name',
    'version_name',
    'size',
    'item_name',
  ]);
});

test('flattening in one go gives what inheriting item by item gives', () => {
  const document = productsOf(
    products(`"p": {"product_name": "x", "a": "1", "versions": {"v": {"product_name": "y", "items": {"i": {"a": "2"}, "j": {"item_name": "z"}}}}},
      "__proto__": {"versions": {"7": {"items": {"8": {"b": true}}}}}`),
  );
  for (const includeTop of [true, false]) {
    const all = [...flatten(document, { includeTop })];
    expect(all.map(({ product, version, item }) => [product, version, item].join())).toEqual([
      'p,v,i',
      'p,v,j',
      '__proto__,7,8',
    ]);
    for (const { product, version, item, data } of all) {
      expect(data).toEqual(
        inheritedData(document.tree, [product, version, item], { includeTop, insertNames: true }),
      );
    }
  }
});

test('twenty thousand items are parsed and flattened in a second', () => {
  const items = Array.from(
    { length: 20_000 },
    (_, i) => `"${i}": {"path": "a/${i}", "size": ${i}, "sha256": "${'0'.repeat(400)}"}`,
  );
  const text = products(`"p": {"versions": {"v": {"items": {${items.join()}}}}}`);
  const start = performance.now();
  expect([...flatten(productsOf(text))]).toHaveLength(20_000);
  expect(performance.now() - start).toBeLessThan(1000);
});

test.each([
  ['5', 5],
  ['0', 0],
  ['123456789012', 123456789012],
])('the size %s is a number of bytes', (text, size) => {
  expect(itemSize(new Map([['size', text]]))).toBe(size);
});

test.each(['', '-1', '1.0', '1e3', 'big', '0x10', '9007199254740993', ' 5'])(
  'the size %j is invalid',
  (size) => {
    expect(codeOf(() => itemSize(new Map([['size', size]])))).toBe('ItemInvalid');
  },
);

test('an item without size or checksum is invalid, by name', () => {
  const data = new Map([
    ['product_name', 'p'],
    ['version_name', 'v'],
    ['item_name', 'i'],
  ]);
  expect(() => itemSize(data)).toThrow('the item p v i has no size');
  expect(() => itemChecksum(data)).toThrow('the item p v i has no sha512, sha256 or md5');
});

test('the strongest checksum counts, in lower case', () => {
  const data = new Map([
    ['md5', 'a'.repeat(32)],
    ['sha256', 'B'.repeat(64)],
  ]);
  expect(itemChecksum(data)).toEqual({ algorithm: 'sha256', hex: 'b'.repeat(64) });
  expect(itemChecksum(data.set('sha512', 'c'.repeat(128))).algorithm).toBe('sha512');
});

test('a malformed strongest checksum is not passed over for a weaker one', () => {
  const data = new Map([
    ['md5', 'a'.repeat(32)],
    ['sha256', 'b'.repeat(63)],
  ]);
  expect(codeOf(() => itemChecksum(data))).toBe('ItemInvalid');
});
