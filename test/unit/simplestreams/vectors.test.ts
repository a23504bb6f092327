import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ImageStreamError } from '../../../contracts/errors.js';
import { parseFilter } from '../../../simplestreams/filters.js';
import { parseJson } from '../../../simplestreams/json-parser.js';
import { isObject, JsonNumber, type JsonObject, type JsonValue } from '../../../simplestreams/json-value.js';
import { canonicalJson } from '../../../simplestreams/json-writer.js';
import { splitMirrorUrl } from '../../../simplestreams/mirror-url.js';
import { pythonText } from '../../../simplestreams/python-text.js';
import { resolveWork } from '../../../simplestreams/resolve-work.js';
import { assertSafePath } from '../../../simplestreams/safe-path.js';
import { signedBody } from '../../../simplestreams/signed-text.js';
import {
  condense,
  expandTree,
  inheritedData,
  prune,
  stringItems,
  type Pedigree,
} from '../../../simplestreams/tree.js';
import { readShared } from './shared.js';

/**
 * Every case of the vectors, through one door: what our function makes of a case is compared with what the Python tool made
 * of it, and a case that differs must stand in DEVIATIONS, each of which docs/compatibility.md explains.
 */
const DEVIATIONS: Readonly<Record<string, readonly string[]>> = {
  'stricter-paths': [
    'assert_safe_path "a/.."',
    'assert_safe_path ".."',
    'assert_safe_path "..."',
    'assert_safe_path "http://x/y"',
  ],
  'negative-max': ['resolve_work max -1'],
  'one-signed-block': ['read_signed_unchecked 1', 'read_signed_unchecked 6'],
  'signed-bytes-only': ['read_signed_unchecked 5'],
};
const listed = new Set(Object.values(DEVIATIONS).flat());

const vectors = object(parseJson(readShared('vectors/simplestreams-vectors.json')));

test.each(list('assert_safe_path'))('assert_safe_path %#', (c) => {
  agree(`assert_safe_path ${JSON.stringify(text(c, 'path'))}`, c, () => {
    assertSafePath(text(c, 'path'), 'the vector');
    return null;
  });
});

test.each(list('dump_data'))('dump_data %#', (c) => {
  expect(canonicalJson(get(c, 'in'))).toBe(text(c, 'expect'));
});

test.each(list('expand_tree'))('expand_tree %#', (c) => {
  agree('expand_tree', c, () => {
    const tree = copy(object(get(c, 'in')));
    expandTree(tree);
    return tree;
  });
});

describe('filters', () => {
  const filters = object(get(vectors, 'filters'));
  const items = array(get(filters, 'items')).map(
    (item) => new Map([...object(item)].map(([key, value]) => [key, pythonText(value)])),
  );
  test.each(array(get(filters, 'cases')).map(object))('filters %#', (c) => {
    agree(`filters ${text(c, 'expr')}`, c, () => {
      const filter = parseFilter(text(c, 'expr'));
      const results = (missing: string) =>
        items.map((data) => filter.passes(data.get(filter.key) ?? missing));
      return new Map<string, JsonValue>([
        ['key', filter.key],
        ['matches', results('')],
        ['matches_noneval_NONE', results('NONE')],
        ['op', filter.operator],
        ['value', filter.value],
      ]);
    });
  });
});

test.each(list('path_from_mirror_url'))('path_from_mirror_url %#', (c) => {
  const path = get(c, 'path');
  agree(`path_from_mirror_url ${text(c, 'mirror')}`, c, () => {
    const split = splitMirrorUrl(text(c, 'mirror'), typeof path === 'string' ? path : undefined);
    return [split.root, split.path];
  });
});

test.each(list('products_condense'))('products_condense %#', (c) => {
  const kw = object(get(c, 'kw'));
  agree('products_condense', c, () => {
    const tree = copy(object(get(c, 'in')));
    condense(tree, {
      sticky: array(kw.get('sticky') ?? []).map((key) => pythonText(key)),
      top: kw.get('top') === 'products' ? 'products' : 'versions',
    });
    return tree;
  });
});

describe('products_exdata', () => {
  const section = object(get(vectors, 'products_exdata'));
  test.each(array(get(section, 'cases')).map(object))('products_exdata %#', (c) => {
    const [product, version, item] = array(get(c, 'pedigree')).map((name) => pythonText(name));
    const pedigree: Pedigree = [product, version, item];
    agree('products_exdata', c, () =>
      inheritedData(object(get(section, 'tree')), pedigree, {
        includeTop: get(c, 'include_top') === true,
        insertNames: get(c, 'insert_fieldnames') === true,
      }),
    );
  });
});

test.each(list('products_prune'))('products_prune %#', (c) => {
  agree('products_prune', c, () => {
    const tree = copy(object(get(c, 'in')));
    prune(tree, { keepProducts: get(c, 'preserve_empty_products') === true });
    return tree;
  });
});

test.each(list('read_signed_unchecked').map((c, number) => ({ c, number })))(
  'read_signed_unchecked %#',
  ({ c, number }) => {
    // Ours has no blank line in front and no newline at the end; JSON does not mind either.
    agree(
      `read_signed_unchecked ${number}`,
      c,
      () => `\n${signedBody(text(c, 'content'), 'the vector').replace(/^\n/, '')}\n`,
    );
  },
);

test.each(list('resolve_work'))('resolve_work %#', (c) => {
  const max = get(c, 'maxnum');
  const excluded = get(c, 'exclude');
  const rejects = new Set(excluded === null ? [] : array(excluded).map((name) => pythonText(name)));
  agree(`resolve_work max ${pythonText(max)}`, c, () => {
    const { add, remove } = resolveWork({
      source: names(c, 'src'),
      target: names(c, 'target'),
      // The tool refuses the string '3' as a type error, our compiler does: NaN stands for it.
      max: max === null ? undefined : max instanceof JsonNumber ? Number(max.text) : NaN,
      keep: get(c, 'keep') === true,
      accept: (version) => !rejects.has(version),
      newest: get(c, 'sort_reverse') === true ? 'last' : 'first',
    });
    return new Map<string, JsonValue>([
      ['add', add],
      ['remove', remove],
    ]);
  });
});

test.each(list('stringitems'))('stringitems %#', (c) => {
  agree('stringitems', c, () => stringItems(object(get(c, 'in'))));
});

test('each deviation is explained in docs/compatibility.md', () => {
  const page = readFileSync(new URL('../../../docs/compatibility.md', import.meta.url), 'utf8');
  for (const name of Object.keys(DEVIATIONS)) expect(page).toContain(`| ${name} |`);
});

test('no section of the vectors is left out', () => {
  const walked =
    'assert_safe_path dump_data expand_tree filters path_from_mirror_url products_condense products_exdata products_prune';
  const more = 'read_signed_unchecked resolve_work stringitems sync_sequences generated_by';
  expect([...vectors.keys()].sort()).toEqual(`${walked} ${more}`.split(' ').sort());
});

/** Fails for a case that neither agrees nor is listed, and for one that is listed and agrees. */
function agree(name: string, c: JsonObject, ours: () => JsonValue): void {
  const expected = outcome(get(c, 'expect'));
  let found: string;
  try {
    found = canonicalJson(ours());
  } catch (error) {
    if (!(error instanceof ImageStreamError)) throw error;
    found = 'refused';
  }
  if (listed.has(name)) expect(found).not.toBe(expected);
  else expect(found).toBe(expected);
}

/** Texts of errors are the tool's own business; that there is one is not. */
function outcome(expected: JsonValue): string {
  if (isObject(expected) && expected.has('error')) return 'refused';
  if (isObject(expected) && expected.has('ok')) return canonicalJson(get(expected, 'ok'));
  return canonicalJson(expected);
}

function list(section: string): JsonObject[] {
  return array(get(vectors, section)).map(object);
}

function names(c: JsonObject, key: string): string[] {
  return array(get(c, key)).map((name) => pythonText(name));
}

function text(c: JsonObject, key: string): string {
  const value = get(c, key);
  if (typeof value !== 'string') throw new Error(`${key} is no string`);
  return value;
}

function get(c: JsonObject, key: string): JsonValue {
  const value = c.get(key);
  if (value === undefined) throw new Error(`the vector has no ${key}`);
  return value;
}

function object(value: JsonValue): JsonObject {
  if (!isObject(value)) throw new Error('the vector is no object');
  return value;
}

function array(value: JsonValue): JsonValue[] {
  if (!Array.isArray(value)) throw new Error('the vector is no list');
  return value;
}

function copy(value: JsonObject): JsonObject {
  return object(parseJson(canonicalOrdered(value)));
}

/** Expansion depends on the order of keys, so a copy must keep it; the writer of the tree sorts. */
function canonicalOrdered(value: JsonValue): string {
  if (isObject(value))
    return `{${[...value].map(([k, v]) => `${JSON.stringify(k)}:${canonicalOrdered(v)}`).join(',')}}`;
  if (Array.isArray(value)) return `[${value.map(canonicalOrdered).join(',')}]`;
  return canonicalJson(value);
}
