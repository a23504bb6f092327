import { ImageStreamError } from '../contracts/errors.js';
import { parseJson } from './json-parser.js';
import { isObject, objectAt, stringAt, type JsonObject } from './json-value.js';
import { pythonText } from './python-text.js';
import { assertSafePath } from './safe-path.js';
import { eachObject, expandTree } from './tree.js';
import { refuseWebPage } from './web-page.js';

export interface IndexEntry {
  readonly contentId: string;
  /** Relative to the root of the mirror; an entry without one leads nowhere. */
  readonly path: string | undefined;
  readonly format: string | undefined;
  readonly datatype: string | undefined;
  readonly updated: string | undefined;
  /** Names of the products in the document at `path`, as far as the index says. */
  readonly products: readonly string[];
  /** The entry as index filters see it: every value as Python writes it, lists included. */
  readonly data: ReadonlyMap<string, string>;
}

export interface IndexDocument {
  readonly kind: 'index';
  readonly path: string;
  readonly updated: string | undefined;
  /** In the order of the text. */
  readonly entries: readonly IndexEntry[];
  /** The whole document, aliases filled in. */
  readonly tree: JsonObject;
}

export interface ProductsDocument {
  readonly kind: 'products';
  readonly path: string;
  readonly contentId: string;
  readonly datatype: string | undefined;
  readonly updated: string | undefined;
  /** The whole document, aliases filled in. */
  readonly tree: JsonObject;
}

export type StreamDocument = IndexDocument | ProductsDocument;

/**
 * Reads an index or products document: JSON, format, aliases, then every path in it, before anything acts on any part.
 * @param text the document itself, without a signature around it
 * @param path where it was read, for messages
 * @throws {ImageStreamError} DocumentInvalid, also for HTML; UnsafePath
 */
export function parseDocument(text: string, path: string): StreamDocument {
  refuseWebPage(text, path);
  const tree = parseJson(text, path);
  if (!isObject(tree)) return invalid(path, 'is no JSON object');
  const format = stringAt(tree, 'format');
  if (format === 'index:1.0') return indexDocument(tree, path);
  if (format === 'products:1.0') return productsDocument(tree, path);
  const found = format === undefined ? 'no format' : `the format ${JSON.stringify(format.slice(0, 60))}`;
  return invalid(path, `has ${found}, not index:1.0 or products:1.0`);
}

function indexDocument(tree: JsonObject, path: string): IndexDocument {
  expandTree(tree, path);
  const index = objectAt(tree, 'index');
  if (!index) return invalid(path, 'is an index without an `index` object');
  const entries = [...index].map(([contentId, entry]) => {
    if (!isObject(entry))
      return invalid(path, `has the entry ${JSON.stringify(contentId)}, which is no object`);
    return indexEntry(contentId, entry, path);
  });
  return { kind: 'index', path, updated: stringAt(tree, 'updated'), entries, tree };
}

function indexEntry(contentId: string, entry: JsonObject, document: string): IndexEntry {
  const path = pathOf(entry, `${document}, entry ${JSON.stringify(contentId)},`);
  const products = entry.get('products');
  return {
    contentId,
    path,
    format: stringAt(entry, 'format'),
    datatype: stringAt(entry, 'datatype'),
    updated: stringAt(entry, 'updated'),
    products: Array.isArray(products) ? products.filter((name) => typeof name === 'string') : [],
    data: new Map([...entry].map(([key, value]) => [key, pythonText(value)])),
  };
}

function productsDocument(tree: JsonObject, path: string): ProductsDocument {
  expandTree(tree, path);
  const contentId = stringAt(tree, 'content_id');
  if (!contentId) return invalid(path, 'has no content_id');
  const products = objectAt(tree, 'products');
  if (!products) return invalid(path, 'is a products document without a `products` object');
  for (const [product, node] of products) {
    if (!isObject(node))
      return invalid(path, `has the product ${JSON.stringify(product)}, which is no object`);
    for (const version of eachObject(objectAt(node, 'versions'))) {
      for (const [name, item] of objectAt(version, 'items') ?? []) {
        if (isObject(item))
          pathOf(item, `${path}, item ${JSON.stringify(name)} of ${JSON.stringify(product)},`);
      }
    }
  }
  return {
    kind: 'products',
    path,
    contentId,
    datatype: stringAt(tree, 'datatype'),
    updated: stringAt(tree, 'updated'),
    tree,
  };
}

/** The safe path of an index entry or item; an empty one counts as none, as in the Python tool. */
function pathOf(node: JsonObject, where: string): string | undefined {
  const path = node.get('path');
  if (path === undefined || path === null || path === '') return undefined;
  if (typeof path !== 'string') return invalid(where, 'has a path that is no string');
  assertSafePath(path, where);
  return path;
}

function invalid(path: string, reason: string): never {
  throw new ImageStreamError('DocumentInvalid', `${path} ${reason}`, { details: { path } });
}
