import { expect, test } from 'vitest';
import {
  IndexWalk,
  itemUrl,
  parseDocument,
  resolveWork,
  splitMirrorUrl,
} from '../../../simplestreams/index.js';
import { codeOf } from './failing.js';

type Site = Record<string, readonly string[] | 'products'>;

function walk(site: Site, start = 'index', limits?: { depth: number; documents: number }): string[] {
  const order: string[] = [];
  let walking = new IndexWalk(start, limits);
  for (let step = walking.next(); step; step = walking.next()) {
    order.push(step.path);
    walking.visited(document(site, step.path));
    // As a step that starts anew after a crash would have it.
    walking = new IndexWalk(structuredClone(walking.state()), limits);
  }
  return order;
}

function document(site: Site, path: string) {
  const leads = site[path];
  if (!leads) throw new Error(`no ${path}`);
  if (leads === 'products')
    return parseDocument('{"format": "products:1.0", "content_id": "c", "products": {}}', path);
  const format = (to: string) => (Array.isArray(site[to.replace('./', '')]) ? 'index:1.0' : 'products:1.0');
  const entries = leads.map((to, i) => [`c${i}`, { path: to, format: format(to) }] as const);
  return parseDocument(JSON.stringify({ format: 'index:1.0', index: Object.fromEntries(entries) }), path);
}

test('nested indexes are walked depth first, each document once', () => {
  const site: Site = {
    index: ['a', 'deep', 'b'],
    deep: ['b', 'c'],
    a: 'products',
    b: 'products',
    c: 'products',
  };
  expect(walk(site)).toEqual(['index', 'a', 'deep', 'b', 'c']);
});

test.each<[string, Site]>([
  ['itself', { index: ['index'] }],
  ['itself in another spelling', { index: ['.//index'] }],
  ['an index above', { index: ['a'], a: ['b'], b: ['a'] }],
])('an index that leads back to %s is refused', (_, site) => {
  expect(codeOf(() => walk(site))).toBe('DocumentCycle');
});

test('an index that nests too deep or leads to too many documents is refused', () => {
  const deep = Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [i === 0 ? 'index' : `i${i}`, [`i${i + 1}`]]),
  );
  expect(codeOf(() => walk({ ...deep, i12: 'products' }))).toBe('DocumentCycle');
  const wide: Site = { index: ['a', 'b', 'c'], a: 'products', b: 'products', c: 'products' };
  expect(codeOf(() => walk(wide, 'index', { depth: 8, documents: 3 }))).toBe('DocumentCycle');
  expect(walk(wide, 'index', { depth: 8, documents: 4 })).toHaveLength(4);
});

test('only entries that are wanted and lead to a stream document are followed', () => {
  const walking = new IndexWalk('index');
  const entries = {
    a: { path: 'a', format: 'products:1.0', datatype: 'image-ids' },
    b: { path: 'b', format: 'products:1.0' },
    c: { path: 'c', format: 'tarball' },
  };
  walking.visited(
    parseDocument(JSON.stringify({ format: 'index:1.0', index: entries }), 'index'),
    (entry) => entry.datatype !== 'image-ids',
  );
  expect(walking.next()).toMatchObject({ path: 'b', contentId: 'b', trail: ['index'] });
  expect(walking.state().pending).toHaveLength(1);
});

test('the query of a signed URL goes to every document, a fragment nowhere', () => {
  const mirror = splitMirrorUrl('https://h/r/streams/v1/index.json?sig=a/b#top');
  expect(mirror).toEqual({ root: 'https://h/r/?sig=a/b', path: 'streams/v1/index.json' });
  expect(itemUrl(mirror.root, 'x/a.img')).toBe('https://h/r/x/a.img?sig=a/b');
});

test('a query does not stand in for the path', () => {
  expect(splitMirrorUrl('https://h/r/?from=streams/v1/index.json').path).toBe('streams/v1/index.sjson');
});

test.each([
  ['http://h/r', 'a', 'http://h/r/a'],
  ['http://h/r/', 'a:b/c%20d', 'http://h/r/a:b/c%20d'],
  ['http://h/', 'a#b?c', 'http://h/a%23b%3Fc'],
  ['/srv/a?b', 'a#b', '/srv/a?b/a#b'],
  ['', 'streams/v1/index.json', 'streams/v1/index.json'],
])('under %s the path %s is %s', (root, path, url) => {
  expect(itemUrl(root, path)).toBe(url);
});

test('versions are ordered by code point', () => {
  expect(resolveWork({ source: ['\u{1F600}', '\uFFFD', '10', '9'], target: [], max: 3 }).add).toEqual([
    '\u{1F600}',
    '\uFFFD',
    '9',
  ]);
});

test.each([[{ max: 1.5 }], [{ max: -1 }], [{ max: NaN }], [{ keep: true }]])(
  'the limits %j are refused',
  (limits) => {
    expect(codeOf(() => resolveWork({ source: ['a'], target: [], ...limits }))).toBe('ConfigInvalid');
  },
);
