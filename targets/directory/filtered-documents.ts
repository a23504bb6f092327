import {
  canonicalJson,
  flatten,
  isObject,
  type IndexDocument,
  type JsonObject,
  type JsonValue,
  type ProductsDocument,
} from '../../simplestreams/index.js';
import type { MirrorDocument } from './publish-directory.js';

/** Names of the products that are left in a document, by its path in the mirror. */
export type LeftProducts = Map<string, string[]>;

/** A products document with the items whose files are here, and those that have none; versions and products that are empty then go. */
export function filteredProducts(
  document: ProductsDocument,
  here: ReadonlySet<string>,
  left: LeftProducts,
): MirrorDocument {
  const stays = new Set<string>();
  for (const { product, version, item, data } of flatten(document)) {
    const path = data.get('path');
    if (!path || here.has(path)) stays.add(JSON.stringify([product, version, item]));
  }
  const products = kept(document.tree.get('products'), (product, node) =>
    nested(node, 'versions', (version, inner) =>
      nested(inner, 'items', (item, leaf) =>
        stays.has(JSON.stringify([product, version, item])) ? leaf : undefined,
      ),
    ),
  );
  left.set(document.path, [...products.keys()]);
  return written(document.path, new Map(document.tree).set('products', products));
}

/** An index with the entries that still lead to products; what it leads to was filtered before. */
export function filteredIndex(document: IndexDocument, left: LeftProducts): MirrorDocument {
  const all = new Set<string>();
  const entries = kept(document.tree.get('index'), (_contentId, entry) => {
    const path = entry.get('path');
    const products = typeof path === 'string' ? left.get(path) : undefined;
    if (typeof path !== 'string' || !products?.length) return undefined;
    products.forEach((product) => all.add(product));
    const changed = new Map(entry).set('path', unsigned(path));
    return entry.has('products') ? changed.set('products', products) : changed;
  });
  left.set(document.path, [...all]);
  return written(document.path, new Map(document.tree).set('index', entries));
}

/** Members that `keep` lets stay, as it changes them. */
function kept(
  object: JsonValue | undefined,
  keep: (name: string, node: JsonObject) => JsonObject | undefined,
): JsonObject {
  const left: JsonObject = new Map();
  if (!isObject(object)) return left;
  for (const [name, node] of object) {
    const stays = isObject(node) ? keep(name, node) : undefined;
    if (stays) left.set(name, stays);
  }
  return left;
}

/** The node with what is left below `key`; undefined when that is nothing. */
function nested(
  node: JsonObject,
  key: string,
  keep: (name: string, node: JsonObject) => JsonObject | undefined,
): JsonObject | undefined {
  const left = kept(node.get(key), keep);
  return left.size > 0 ? new Map(node).set(key, left) : undefined;
}

/** `.sjson` would promise a signature. */
function unsigned(path: string): string {
  return path.replace(/\.sjson$/, '.json');
}

function written(path: string, tree: JsonObject): MirrorDocument {
  return { path: unsigned(path), bytes: Buffer.from(canonicalJson(tree)) };
}
