import type { ProductsDocument } from './document.js';
import { isObject, objectAt, type JsonObject } from './json-value.js';
import { addStrings, stringItems } from './tree.js';

/** One item of a products document with everything it inherits. */
export interface FlatItem {
  readonly product: string;
  readonly version: string;
  readonly item: string;
  /**
   * Strings of document, product, version and item, deeper ones over the others, and `product_name`, `version_name`,
   * `item_name`: what item filters see.
   */
  readonly data: ReadonlyMap<string, string>;
}

export interface FlattenOptions {
  /** Whether the strings of the document itself (content_id, datatype, updated …) are inherited; yes by default. */
  readonly includeTop?: boolean;
}

/** The items of a products document one after the other, in the order of the text. */
export function* flatten(
  document: Pick<ProductsDocument, 'tree'>,
  options: FlattenOptions = {},
): Generator<FlatItem> {
  const { tree } = document;
  const top = options.includeTop === false ? new Map<string, string>() : stringItems(tree);
  for (const [product, productNode] of children(tree, 'products')) {
    const fromProduct = inherit(top, productNode, 'product_name', product);
    for (const [version, versionNode] of children(productNode, 'versions')) {
      const fromVersion = inherit(fromProduct, versionNode, 'version_name', version);
      for (const [item, itemNode] of children(versionNode, 'items')) {
        yield { product, version, item, data: inherit(fromVersion, itemNode, 'item_name', item) };
      }
    }
  }
}

function inherit(
  parent: Map<string, string>,
  node: JsonObject,
  nameKey: string,
  name: string,
): Map<string, string> {
  const data = new Map(parent);
  addStrings(data, node);
  return data.set(nameKey, name);
}

function* children(node: JsonObject, key: string): Generator<[string, JsonObject]> {
  for (const [name, child] of objectAt(node, key) ?? []) if (isObject(child)) yield [name, child];
}
