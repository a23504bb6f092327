import { expect, test } from 'vitest';
import {
  buildImageIdsDocument,
  imageIdsEntry,
  parseDocument,
  parseJson,
  readPublished,
  sameButUpdated,
  spliceIndexEntry,
  streamTimestamp,
} from '../../../simplestreams/index.js';
import { codeOf } from './failing.js';

const UPDATED = 'Fri, 04 Nov 2016 03:34:01 +0000';

function image(product: string, version: string, extra: Record<string, string> = {}) {
  const data = {
    id: `id-${product}-${version}`,
    region: 'One',
    endpoint: 'http://k/v3',
    arch: 'amd64',
    size: '5',
    version: '22.04',
    ...extra,
  };
  return { product, version, item: 'disk1.img', data: new Map(Object.entries(data)) };
}

test('an image-ids document has shared strings further up, and what Juju reads on the item', () => {
  const text = buildImageIdsDocument({
    contentId: 'auto.sync',
    updated: UPDATED,
    items: [
      image('p', '20240101', { path: 'a', content_id: 'other', product_name: 'p' }),
      image('p', '20240102'),
    ],
  });
  expect(JSON.parse(text)).toEqual({
    content_id: 'auto.sync',
    datatype: 'image-ids',
    format: 'products:1.0',
    updated: UPDATED,
    products: {
      p: {
        arch: 'amd64',
        version: '22.04',
        versions: {
          '20240101': {
            items: {
              'disk1.img': { id: 'id-p-20240101', region: 'One', endpoint: 'http://k/v3', size: '5' },
            },
          },
          '20240102': {
            items: {
              'disk1.img': { id: 'id-p-20240102', region: 'One', endpoint: 'http://k/v3', size: '5' },
            },
          },
        },
      },
    },
  });
});

test('what is published reads back with every string at its item', () => {
  const items = [image('p', '1'), image('p', '2', { arch: 'arm64' }), image('__proto__', '3')];
  const back = readPublished(buildImageIdsDocument({ contentId: 'c', updated: UPDATED, items }));
  expect(back.map(({ product, version }) => `${product} ${version}`).sort()).toEqual([
    '__proto__ 3',
    'p 1',
    'p 2',
  ]);
  for (const { product, version, data } of back) {
    const original = items.find(
      (candidate) => candidate.product === product && candidate.version === version,
    );
    expect(Object.fromEntries(data)).toMatchObject(Object.fromEntries(original?.data ?? []));
  }
});

test('a document without images keeps its empty products', () => {
  expect(JSON.parse(buildImageIdsDocument({ contentId: 'c', updated: UPDATED, items: [] }))).toMatchObject({
    products: {},
  });
});

test('an index is no published products document', () => {
  expect(codeOf(() => readPublished('{"format": "index:1.0", "index": {}}'))).toBe('DocumentInvalid');
});

const entry = imageIdsEntry({
  path: 'streams/v1/c.json',
  updated: UPDATED,
  cloudName: 'prod',
  clouds: [{ region: 'One', endpoint: 'http://k/v3' }],
  products: ['p'],
  extra: { source_updated: 'then' },
});

test('a first index has the entry and says when', () => {
  const text = spliceIndexEntry(undefined, 'c', entry, UPDATED);
  expect(JSON.parse(text)).toEqual({
    format: 'index:1.0',
    updated: UPDATED,
    index: {
      c: {
        path: 'streams/v1/c.json',
        updated: UPDATED,
        clouds: [{ region: 'One', endpoint: 'http://k/v3' }],
        cloudname: 'prod',
        datatype: 'image-ids',
        format: 'products:1.0',
        products: ['p'],
        source_updated: 'then',
      },
    },
  });
  expect(parseDocument(text, 'index.json')).toMatchObject({
    kind: 'index',
    entries: [{ contentId: 'c', datatype: 'image-ids' }],
  });
});

const FOREIGN = '"other:\\u00e9" : {"size":1.0e2 ,\t"path":"x" , "20240101": 1, "a": {}}';

test.each([
  ['without our entry', `{"index": {${FOREIGN}}, "format": "index:1.0", "updated": "old"}`],
  [
    'with our entry first',
    `{"updated":"old","index": {"c": {"x": [1, "}"]}, ${FOREIGN}} , "format":"index:1.0"}\n`,
  ],
  ['with our entry last', `{"format":"index:1.0", "index": {${FOREIGN}, "c": {}}}`],
  ['without entries', `{"format":"index:1.0", "index": { }}`],
])('an index %s keeps every other byte', (_, before) => {
  const after = spliceIndexEntry(before, 'c', entry, UPDATED);
  if (before.includes(FOREIGN)) expect(after).toContain(FOREIGN);
  const tree = JSON.parse(after) as { updated: string; index: Record<string, unknown> };
  expect(tree.updated).toBe(UPDATED);
  expect(JSON.parse(spliceIndexEntry(undefined, 'c', entry, UPDATED))).toMatchObject({
    index: { c: tree.index.c },
  });
  expect(spliceIndexEntry(after, 'c', entry, UPDATED)).toBe(after);
  expect(Object.keys(tree.index)).toHaveLength(before.includes(FOREIGN) ? 2 : 1);
});

test('splicing leaves nothing else of the text touched', () => {
  const before = `{ "index" : {"a":{}  ,"c": 1,"z":{"k":"\\/"}},  "x":1.50,"format":"index:1.0","updated":"old" }\n\n`;
  const after = spliceIndexEntry(before, 'c', {}, 'new');
  expect(after).toBe(before.replace('"c": 1', '"c": {}').replace('"old"', '"new"'));
});

test.each([
  '',
  '<html>',
  '[]',
  '{"format": "products:1.0", "index": {}}',
  '{"format": "index:1.0", "index": []}',
  '{"format": "index:1.0", "index": {}',
])('%j is not taken for an index to write into', (text) => {
  expect(codeOf(() => spliceIndexEntry(text, 'c', {}, UPDATED))).toBe('DocumentInvalid');
});

test('documents that differ in their dates only are the same', () => {
  const at = (updated: string) =>
    spliceIndexEntry(
      undefined,
      'c',
      imageIdsEntry({ path: 'p', updated, cloudName: 'n', clouds: [], products: [] }),
      updated,
    );
  expect(sameButUpdated(at('a'), at('b'))).toBe(true);
  const products = (updated: string, id: string) =>
    buildImageIdsDocument({ contentId: 'c', updated, items: [image('p', '1', { id })] });
  expect(sameButUpdated(products('a', '1'), products('b', '1'))).toBe(true);
  expect(sameButUpdated(products('a', '1'), products('a', '2'))).toBe(false);
  expect(sameButUpdated('{"a": 1, "b": 2}', '{"b": 2, "a": 1}')).toBe(true);
  expect(sameButUpdated('{}', '<html>')).toBe(false);
});

test('a date is written as RFC 2822 in UTC', () => {
  expect(streamTimestamp(new Date('2016-11-04T03:34:01Z'))).toBe(UPDATED);
  expect(parseJson(`"${UPDATED}"`)).toBe(UPDATED);
});
