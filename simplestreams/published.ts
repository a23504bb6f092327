import { ImageStreamError } from '../contracts/errors.js';
import { parseDocument } from './document.js';
import { flatten, type FlatItem } from './flatten.js';
import type { JsonObject, PlainJson } from './json-value.js';
import { canonicalJson } from './json-writer.js';
import { condense, prune, setNode } from './tree.js';

/** An image in a cloud: where it stands in the stream, and its strings (id, region, endpoint, arch, version …). */
export type PublishedItem = FlatItem;

export interface ImageIdsInput {
  readonly contentId: string;
  /** As {@link streamTimestamp} writes it. */
  readonly updated: string;
  readonly items: Iterable<PublishedItem>;
}

/** These stay on every item, as Juju wants to find them there (LP #1329805; reference §4.7). */
const STICKY = ['ftype', 'md5', 'sha256', 'sha512', 'size', 'name', 'id', 'endpoint', 'region'];

/** Names that the tree itself gives, the source's path, and what belongs to the document and would speak for another one. */
const LEFT_OUT = new Set([
  'product_name',
  'version_name',
  'item_name',
  'path',
  'content_id',
  'datatype',
  'format',
  'updated',
]);

/**
 * The products document of a cloud's images (datatype `image-ids`, reference §4.7): every value a string, what siblings share moved
 * up, keys sorted. No images make a document without products, which says so to clients.
 */
export function buildImageIdsDocument({ contentId, updated, items }: ImageIdsInput): string {
  const tree = document(contentId, 'image-ids', updated);
  for (const { product, version, item, data } of items) {
    const node: JsonObject = new Map([...data].filter(([key]) => !LEFT_OUT.has(key)));
    setNode(tree, node, [product, version, item]);
  }
  prune(tree, { keepProducts: true });
  condense(tree, { sticky: STICKY });
  return canonicalJson(tree);
}

function document(contentId: string, datatype: string, updated: string): JsonObject {
  return new Map<string, JsonObject | string>([
    ['content_id', contentId],
    ['datatype', datatype],
    ['format', 'products:1.0'],
    ['updated', updated],
    ['products', new Map()],
  ]);
}

export interface ImageIdsEntryInput {
  /** Where the products document is, relative to the root. */
  readonly path: string;
  readonly updated: string;
  readonly cloudName: string;
  /** Each form of the auth URL that a client may know the cloud by. */
  readonly clouds: readonly { readonly region: string; readonly endpoint: string }[];
  readonly products: Iterable<string>;
  /** Further facts for the entry. */
  readonly extra?: Readonly<Record<string, PlainJson>>;
}

/** The entry of an image-ids document for {@link spliceIndexEntry}. */
export function imageIdsEntry({
  path,
  updated,
  cloudName,
  clouds,
  products,
  extra,
}: ImageIdsEntryInput): PlainJson {
  return {
    ...extra,
    path,
    updated,
    clouds: clouds.map(({ region, endpoint }) => ({ region, endpoint })),
    cloudname: cloudName,
    datatype: 'image-ids',
    format: 'products:1.0',
    products: [...products],
  };
}

/**
 * The items of a published products document.
 * @throws {ImageStreamError} DocumentInvalid, UnsafePath
 */
export function readPublished(text: string, path = 'the published document'): FlatItem[] {
  const read = parseDocument(text, path);
  if (read.kind !== 'products') {
    throw new ImageStreamError('DocumentInvalid', `${path} is an index and no products document`, {
      details: { path },
    });
  }
  return [...flatten(read)];
}
