import type { FlatItem } from './flatten.js';
import { JsonNumber, type JsonObject, type PlainJson } from './json-value.js';
import { canonicalJson } from './json-writer.js';
import { condense, prune, setNode } from './tree.js';

/** What a products document of files is about. */
export interface ProductsInput {
  readonly contentId: string;
  readonly datatype: string;
  /** As {@link streamTimestamp} writes it. */
  readonly updated: string;
  /** Of two items of one name the later counts. */
  readonly items: Iterable<FlatItem>;
}

/** What differs from file to file and is looked for at the item. */
const STICKY = ['path', 'md5', 'sha256', 'sha512', 'size', 'mirrors'];

/** What the tree or the document says itself. */
const LEFT_OUT = new Set([
  'product_name',
  'version_name',
  'item_name',
  'content_id',
  'datatype',
  'format',
  'updated',
  'item_url',
]);

/** The products document of a mirror: sizes as numbers, everything else as strings, what siblings share moved up. */
export function buildProductsDocument({ contentId, datatype, updated, items }: ProductsInput): string {
  const tree: JsonObject = new Map<string, JsonObject | string>([
    ['content_id', contentId],
    ['datatype', datatype],
    ['format', 'products:1.0'],
    ['updated', updated],
    ['products', new Map()],
  ]);
  for (const { product, version, item, data } of items) {
    const node: JsonObject = new Map();
    for (const [key, value] of data) {
      if (!LEFT_OUT.has(key))
        node.set(key, key === 'size' && /^\d+$/.test(value) ? new JsonNumber(value) : value);
    }
    setNode(tree, node, [product, version, item]);
  }
  prune(tree, { keepProducts: true });
  condense(tree, { sticky: STICKY });
  return canonicalJson(tree);
}

/** The entry of a mirror's products document for {@link spliceIndexEntry}. */
export function productsEntry(path: string, input: ProductsInput): PlainJson {
  return {
    path,
    datatype: input.datatype,
    format: 'products:1.0',
    updated: input.updated,
    products: [...new Set([...input.items].map(({ product }) => product))].sort(),
  };
}
