import { ImageStreamError } from '../contracts/errors.js';
import { isObject, objectAt, type JsonObject, type JsonValue } from './json-value.js';
import { pythonText } from './python-text.js';

/** Product, version and item name; fewer for a node further up. */
export type Pedigree = readonly [product?: string, version?: string, item?: string];

/** The strings of a node: numbers and booleans as Python writes them, everything else left out (reference §1.2). */
export function stringItems(node: JsonObject): Map<string, string> {
  const strings = new Map<string, string>();
  addStrings(strings, node);
  return strings;
}

/** Adds the strings of a node to `strings`; what the node says overrides what was there. */
export function addStrings(strings: Map<string, string>, node: JsonObject): void {
  for (const [key, value] of node) {
    if (typeof value === 'string') strings.set(key, value);
    else if (value !== null && !Array.isArray(value) && !isObject(value)) strings.set(key, pythonText(value));
  }
}

export interface InheritOptions {
  /** Begin with the strings of the document itself. */
  readonly includeTop: boolean;
  /** Set product_name, version_name and item_name. */
  readonly insertNames: boolean;
}

const LEVELS = [
  { children: 'products', name: 'product_name' },
  { children: 'versions', name: 'version_name' },
  { children: 'items', name: 'item_name' },
] as const;

/**
 * The data of a node with what it inherits: each level overrides the one above, and its own name after its strings, so that
 * a `product_name` written in a version wins over the product's key (as in the Python tool). Absent nodes count as empty.
 */
export function inheritedData(
  tree: JsonObject,
  pedigree: Pedigree,
  options: InheritOptions,
): Map<string, string> {
  const data = options.includeTop ? stringItems(tree) : new Map<string, string>();
  let node: JsonObject | undefined = tree;
  LEVELS.forEach((level, depth) => {
    const name = pedigree[depth];
    if (name === undefined) return;
    node = objectAt(node ?? new Map<string, JsonValue>(), level.children);
    node = node && objectAt(node, name);
    if (node) addStrings(data, node);
    if (options.insertNames) data.set(level.name, name);
  });
  return data;
}

/** Puts a node at its place, with the nodes between; one that was there is replaced whole. */
export function setNode(tree: JsonObject, data: JsonObject, pedigree: readonly [string, ...string[]]): void {
  let node = tree;
  pedigree.forEach((name, depth) => {
    const children = childAt(node, LEVELS[depth]?.children ?? '');
    if (depth === pedigree.length - 1) children.set(name, data);
    else node = childAt(children, name);
  });
}

function childAt(node: JsonObject, key: string): JsonObject {
  const there = objectAt(node, key);
  if (there) return there;
  const made: JsonObject = new Map();
  node.set(key, made);
  return made;
}

/** Removes empty items, versions without items, products without versions, and `products` when empty unless it is to stay. */
export function prune(tree: JsonObject, { keepProducts = false } = {}): void {
  const products = objectAt(tree, 'products');
  if (!products) return;
  for (const product of eachObject(products)) {
    const versions = objectAt(product, 'versions');
    if (!versions) continue;
    for (const version of eachObject(versions)) {
      const items = objectAt(version, 'items');
      if (items) deleteWhere(items, (item) => item.size === 0);
    }
    deleteWhere(versions, (version) => !objectAt(version, 'items')?.size);
  }
  deleteWhere(products, (product) => !objectAt(product, 'versions')?.size);
  if (products.size === 0 && !keepProducts) tree.delete('products');
}

function deleteWhere(nodes: JsonObject, empty: (node: JsonObject) => boolean): void {
  for (const [name, node] of nodes) if (isObject(node) && empty(node)) nodes.delete(name);
}

export interface CondenseOptions {
  /** Keys that stay where they are. */
  readonly sticky?: readonly string[];
  /** Moves what all products share to the document as well, sticky or not. */
  readonly top?: 'versions' | 'products';
}

/** Moves strings that all siblings share one level up: items to version, version to product (reference §1.2). */
export function condense(tree: JsonObject, { sticky = [], top = 'versions' }: CondenseOptions = {}): void {
  const kept = new Set(sticky);
  const products = objectAt(tree, 'products');
  for (const product of eachObject(products)) {
    const versions = objectAt(product, 'versions');
    for (const version of eachObject(versions)) {
      moveShared(version, objectAt(version, 'items'), kept);
    }
    moveShared(product, versions, kept);
  }
  if (top === 'products') moveShared(tree, products, new Set());
}

function moveShared(parent: JsonObject, children: JsonObject | undefined, sticky: ReadonlySet<string>): void {
  const nodes = [...eachObject(children)];
  const [first, ...others] = nodes;
  if (!first) return;
  for (const [key, value] of [...first]) {
    if (typeof value !== 'string' || sticky.has(key)) continue;
    if (!others.every((node) => node.get(key) === value)) continue;
    if (parent.has(key) && parent.get(key) !== value) continue;
    parent.set(key, value);
    for (const node of nodes) node.delete(key);
  }
}

/** The members of `nodes` that are objects; none when it is absent. */
export function* eachObject(nodes: JsonObject | undefined): Iterable<JsonObject> {
  for (const node of nodes?.values() ?? []) if (isObject(node)) yield node;
}

/**
 * Fills in `_aliases`: where a node has a key that the document has aliases for, and a string as its value, the strings of that
 * alias join the node and override its own. The aliases themselves are expanded too when their turn comes.
 * @throws {ImageStreamError} DocumentInvalid, for a value without an alias
 */
export function expandTree(tree: JsonObject, path = 'the document'): void {
  const aliases = objectAt(tree, '_aliases');
  if (aliases && aliases.size > 0) expandNode(tree, { aliases, path, done: new Set() });
}

interface Expansion {
  readonly aliases: JsonObject;
  readonly path: string;
  /** Aliases share their nested nodes, and hostile ones can make circles of them. */
  readonly done: Set<JsonValue>;
}

function expandNode(node: JsonValue, expansion: Expansion): void {
  if (node === null || typeof node !== 'object' || expansion.done.has(node)) return;
  expansion.done.add(node);
  if (Array.isArray(node)) for (const element of node) expandNode(element, expansion);
  if (!isObject(node)) return;
  for (const key of [...node.keys()]) {
    const value = node.get(key);
    if (value === undefined) continue;
    if (typeof value !== 'string') expandNode(value, expansion);
    else if (value !== '' && key !== '_aliases') applyAlias(node, key, value, expansion);
  }
}

function applyAlias(node: JsonObject, key: string, value: string, { aliases, path }: Expansion): void {
  const byValue = objectAt(aliases, key);
  if (!byValue?.size) return;
  const alias = objectAt(byValue, value);
  if (!alias) {
    const message = `${path} has no alias ${JSON.stringify(value)} for the key ${JSON.stringify(key)}`;
    throw new ImageStreamError('DocumentInvalid', message, { details: { path, key, value } });
  }
  for (const [name, member] of alias) node.set(name, member);
}
