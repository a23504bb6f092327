import { expect, test } from 'vitest';
import {
  flatten,
  isObject,
  JsonNumber,
  matchesAll,
  parseFilter,
  parseJson,
  resolveWork,
  type FlatItem,
  type JsonObject,
  type JsonValue,
} from '../../../simplestreams/index.js';
import { pythonText } from '../../../simplestreams/python-text.js';
import { setNode } from '../../../simplestreams/tree.js';
import { readShared } from './shared.js';

/** content id → product → version → item names */
type Holding = Map<string, Map<string, Map<string, Set<string>>>>;

/**
 * The sequences came without their source. Its products, versions and items are what the first, unfiltered sync brought over;
 * of its data the filters used ask only arch (the end of the product's name), root_store (the end of an item's) and label
 * (which versions are a beta). Objects, reference counts and paths belong to the tool's own mirror on disk and are not compared.
 */
const sequences = array(
  object(parseJson(readShared('vectors/simplestreams-vectors.json'))).get('sync_sequences'),
);
const BETAS = new Set(['20120929', '20120328']);

const source = holding(object(array(sequences[0])[0]).get('target'));

test.each(sequences.map((steps, number) => ({ steps: array(steps).map(object), number })))(
  'sequence $number leaves the versions and items that the Python tool leaves',
  ({ steps }) => {
    let held: Holding = new Map();
    for (const step of steps) {
      expect(step.get('error')).toBeNull();
      held = sync(held, step);
      expect(sorted(held)).toEqual(sorted(holding(step.get('target'))));
    }
  },
);

function sync(held: Holding, step: JsonObject): Holding {
  const filters = array(step.get('filters')).map((filter) => parseFilter(pythonText(filter)));
  const config = object(step.get('config'));
  const max = config.get('max_items');
  const result: Holding = new Map();
  for (const contentId of source.keys()) {
    const wanted = grouped(
      [...flatten({ tree: sourceTree(contentId) })].filter(({ data }) => matchesAll(filters, data)),
    );
    const target = new Map(held.get(contentId));
    for (const [product, versions] of wanted) {
      const there = target.get(product) ?? new Map<string, Set<string>>();
      const work = resolveWork({
        source: versions.keys(),
        target: there.keys(),
        max: max instanceof JsonNumber ? Number(max.text) : undefined,
      });
      const next = new Map([...there].filter(([version]) => !work.remove.includes(version)));
      for (const version of work.add) next.set(version, versions.get(version) ?? new Set());
      target.set(product, next);
    }
    if (config.get('delete_products') === true) {
      for (const product of target.keys()) if (!wanted.has(product)) target.delete(product);
    }
    result.set(contentId, target);
  }
  return result;
}

function sourceTree(contentId: string): JsonObject {
  const tree: JsonObject = new Map([['content_id', contentId]]);
  for (const [product, versions] of source.get(contentId) ?? []) {
    for (const [version, items] of versions) {
      for (const item of items) {
        const data = {
          arch: product.replace(/.*:/, ''),
          root_store: item.endsWith('pe') ? 'ebs' : 'instance',
        };
        const label = BETAS.has(version) ? 'beta' : 'release';
        setNode(tree, new Map(Object.entries({ ...data, label })), [product, version, item]);
      }
    }
  }
  return tree;
}

function grouped(items: readonly FlatItem[]): Map<string, Map<string, Set<string>>> {
  const products = new Map<string, Map<string, Set<string>>>();
  for (const { product, version, item } of items) {
    const versions = products.get(product) ?? new Map<string, Set<string>>();
    products.set(product, versions.set(version, (versions.get(version) ?? new Set()).add(item)));
  }
  return products;
}

function holding(target: JsonValue | undefined): Holding {
  const held: Holding = new Map();
  for (const [contentId, products] of object(target)) {
    const versionsOf = [...object(products)].map(
      ([product, versions]) =>
        [
          product,
          new Map([...object(versions)].map(([v, items]) => [v, new Set(array(items).map(pythonText))])),
        ] as const,
    );
    held.set(contentId, new Map(versionsOf));
  }
  return held;
}

function sorted(held: Holding): string[] {
  return [...held]
    .flatMap(([contentId, products]) =>
      [...products].flatMap(([product, versions]) =>
        [...versions].flatMap(([version, items]) =>
          [...items].map((item) => `${contentId} ${product} ${version} ${item}`),
        ),
      ),
    )
    .sort();
}

function object(value: JsonValue | undefined): JsonObject {
  if (!isObject(value)) throw new Error('the vector is no object');
  return value;
}

function array(value: JsonValue | undefined): JsonValue[] {
  if (!Array.isArray(value)) throw new Error('the vector is no list');
  return value;
}
