import { join } from 'node:path';
import { ImageStreamError } from '../contracts/errors.js';
import {
  buildProductsDocument,
  flatten,
  parseDocument,
  productsEntry,
  sameButUpdated,
  spliceIndexEntry,
  streamTimestamp,
  type FlatItem,
} from '../simplestreams/index.js';
import { placeFile, readIfThere, replaceFile } from './stream-files.js';
import type { NewItem } from './stream-items.js';

export interface StreamTree {
  /** The root of the mirror. */
  readonly folder: string;
  readonly datatype: string;
  readonly updated: Date;
  readonly how: 'copy' | 'link';
}

const INDEX = 'streams/v1/index.json';

/**
 * Adds items to a mirror: first the files, then the products documents, then the index, so that nothing is named before it is
 * there. Items that the mirror has stay, one of the same names is replaced, and nothing is written that says the same as before.
 * @returns the documents that changed, relative to the root
 * @throws {ImageStreamError} ItemInvalid for an item given twice; Usage; DocumentInvalid when what is there is no mirror
 */
export async function addToStream(tree: StreamTree, items: readonly NewItem[]): Promise<string[]> {
  refuseTwice(items);
  const byContent = new Map<string, FlatItem[]>();
  for (const item of items) {
    const data = item.file === undefined ? item.data : await placed(tree, item, item.file);
    const list = byContent.get(item.contentId) ?? [];
    byContent.set(item.contentId, list);
    list.push({ product: item.product, version: item.version, item: item.item, data });
  }
  const changed: string[] = [];
  const updated = streamTimestamp(tree.updated);
  for (const [contentId, added] of byContent) {
    const path = `streams/v1/${contentId}.json`;
    const before = await readIfThere(join(tree.folder, path));
    const there = before === undefined ? [] : publishedItems(before, path);
    const input = { contentId, datatype: tree.datatype, updated, items: [...there, ...added] };
    const text = buildProductsDocument(input);
    const documentChanged = before === undefined || !sameButUpdated(before, text);
    if (documentChanged) await write(tree, path, text, changed);
    const index = await readIfThere(join(tree.folder, INDEX));
    const next = spliceIndexEntry(index, contentId, productsEntry(path, input), updated);
    // The date of an entry is that of its document, by which readers may tell that it changed.
    if (documentChanged || index === undefined || !sameButUpdated(index, next))
      await write(tree, INDEX, next, changed);
  }
  return [...new Set(changed)];
}

async function write({ folder }: StreamTree, path: string, text: string, changed: string[]): Promise<void> {
  await replaceFile(join(folder, path), text);
  changed.push(path);
}

function publishedItems(text: string, path: string): FlatItem[] {
  const document = parseDocument(text, path);
  if (document.kind === 'products') return [...flatten(document, { includeTop: false })];
  throw new ImageStreamError('DocumentInvalid', `${path} is an index and no products document`, {
    hint: 'Choose another content id.',
  });
}

async function placed(tree: StreamTree, item: NewItem, file: string): Promise<ReadonlyMap<string, string>> {
  const path = item.data.get('path') ?? defaultPath(item, file);
  const { size, md5, sha256 } = await placeFile(file, join(tree.folder, path), tree.how);
  return new Map(item.data).set('path', path).set('size', String(size)).set('md5', md5).set('sha256', sha256);
}

/** Names may hold anything, paths only what every server, shell and file system takes. */
function defaultPath({ product, version, item }: NewItem, file: string): string {
  const extension = /(\.tar)?\.[a-z0-9]+$/i.exec(file)?.[0] ?? '';
  const base = item.endsWith(extension) ? item : `${item}${extension}`;
  return ['files', product, version, base]
    .map((part) => part.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^\.+/, '-'))
    .join('/');
}

function refuseTwice(items: readonly NewItem[]): void {
  const seen = new Set<string>();
  for (const { contentId, product, version, item } of items) {
    const key = JSON.stringify([contentId, product, version, item]);
    if (seen.has(key)) {
      throw new ImageStreamError(
        'ItemInvalid',
        `the item ${product} ${version} ${item} of ${contentId} is given twice`,
        {
          hint: 'Give each file an item name of its own with --item.',
        },
      );
    }
    seen.add(key);
  }
}
