import {
  decodeDocument,
  documentText,
  flatten,
  IndexWalk,
  itemUrl,
  loadKeyring,
  matchesAll,
  parseDocument,
  policyFor,
  resolveWork,
  type FlatItem,
  type ItemFilter,
  type MirrorLocation,
  type ProductsDocument,
} from '../simplestreams/index.js';
import type { DocumentFetcher } from './document-fetcher.js';

const DOCUMENT_LIMIT = 64 * 1024 * 1024;

export interface StreamQuery {
  readonly mirror: MirrorLocation;
  readonly filters: readonly ItemFilter[];
  /** Newest versions of each product, counted after the filters. */
  readonly max?: number;
  /** Whether signed documents are verified; unsigned paths never are, as with sstream-query. */
  readonly verify: boolean;
  readonly keyring: string;
}

/**
 * The items that pass all filters, as `sstream-query` finds and orders them: documents in the order of the index, products in
 * that of the document, versions newest first. Data has `item_url` beside `path`.
 * @throws {ImageStreamError} what fetching, verifying and parsing throw
 */
export async function* queryStream(
  query: StreamQuery,
  fetch: DocumentFetcher,
): AsyncGenerator<Map<string, string>> {
  const { root, path } = query.mirror;
  const policy = query.verify ? policyFor(path, 'suffix') : 'skip';
  const keyring = policy === 'require' ? await loadKeyring(query.keyring) : undefined;
  const walk = new IndexWalk(path);
  for (let step = walk.next(); step; step = walk.next()) {
    const bytes = await fetch(itemUrl(root, step.path), DOCUMENT_LIMIT);
    const { text } = await documentText(decodeDocument(bytes, step.path), step.path, policy, keyring);
    const document = parseDocument(text, step.path);
    walk.visited(document);
    if (document.kind === 'products') yield* itemsOf(document, query);
  }
}

function* itemsOf(
  document: ProductsDocument,
  { filters, max, mirror }: StreamQuery,
): Generator<Map<string, string>> {
  const products = new Map<string, Map<string, FlatItem[]>>();
  for (const item of flatten(document)) {
    if (!matchesAll(filters, item.data)) continue;
    const versions = products.get(item.product) ?? new Map<string, FlatItem[]>();
    products.set(item.product, versions);
    const items = versions.get(item.version);
    if (items) items.push(item);
    else versions.set(item.version, [item]);
  }
  for (const versions of products.values()) {
    for (const version of resolveWork({ source: versions.keys(), target: [], max }).add) {
      for (const { data } of versions.get(version) ?? []) yield withUrl(data, mirror.root);
    }
  }
}

function withUrl(data: ReadonlyMap<string, string>, root: string): Map<string, string> {
  const path = data.get('path');
  return path ? new Map(data).set('item_url', itemUrl(root, path)) : new Map(data);
}
