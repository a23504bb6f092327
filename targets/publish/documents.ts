import { ImageStreamError } from '../../contracts/errors.js';
import type { SourceMark } from '../../contracts/sync.js';
import {
  assertSafePath,
  buildImageIdsDocument,
  imageIdsEntry,
  isObject,
  parseJson,
  readPublished,
  sameButUpdated,
  spliceIndexEntry,
  type JsonObject,
  type JsonValue,
  type PlainJson,
  type PublishedItem,
} from '../../simplestreams/index.js';
import { MARKS_MEMBER } from '../source-mark.js';
import { marksInIndex } from './source-marks.js';

export const INDEX_PATH = 'streams/v1/index.json';

/** @throws {ImageStreamError} UnsafePath, for a content id (it may have a region's name in it) that leads elsewhere */
export function productsPath(contentId: string): string {
  const path = `streams/v1/${contentId}.json`;
  assertSafePath(path, `The content id ${JSON.stringify(contentId)}`);
  if (path !== INDEX_PATH) return path;
  throw new ImageStreamError(
    'UnsafePath',
    'The content id "index" would put the products where the index is',
  );
}

/**
 * The products document with the items of one region put in place of those it had; items of other regions stay, since one
 * destination may serve several. Undefined when what is there says the same.
 */
export function mergedProducts(
  existing: string | undefined,
  contentId: string,
  region: string,
  items: readonly PublishedItem[],
  updated: string,
): string | undefined {
  const others =
    existing === undefined ? [] : readable(existing).filter(({ data }) => data.get('region') !== region);
  const taken = new Set(others.map(nodeOf));
  const mine = items.map((item) =>
    taken.has(nodeOf(item)) ? { ...item, item: `${item.item}-${region}` } : item,
  );
  const text = buildImageIdsDocument({ contentId, updated, items: [...others, ...mine] });
  return existing !== undefined && sameButUpdated(existing, text) ? undefined : text;
}

/** The index with the entry of one document; undefined when it says the same already. */
export function mergedIndex(
  existing: string | undefined,
  contentId: string,
  region: string,
  products: string,
  place: {
    cloudName: string;
    endpoints: readonly string[];
    /** What is now known of a mirror; the marks of others stay. */
    mark?: { mirror: string; mark: SourceMark };
  },
): string | undefined {
  const index = existing === undefined ? undefined : indexEntries(existing);
  const before = index?.get(contentId);
  const updated = documentUpdated(products);
  const others = cloudsOf(before).filter((cloud) => cloud.region !== region);
  const clouds = [...others, ...place.endpoints.map((endpoint) => ({ region, endpoint }))];
  const marks = marksInIndex(existing, contentId);
  if (place.mark) marks.set(place.mark.mirror, place.mark.mark);
  const entry = imageIdsEntry({
    ...(marks.size > 0 ? { extra: { [MARKS_MEMBER]: asJson(marks) } } : {}),
    path: productsPath(contentId),
    updated,
    cloudName: place.cloudName,
    // In one order whoever wrote last, so that regions which take turns change nothing.
    clouds: clouds.sort((a, b) => (a.region < b.region ? -1 : a.region > b.region ? 1 : 0)),
    products: [...new Set(readPublished(products).map(({ product }) => product))].sort(),
  });
  const text = spliceIndexEntry(index ? existing : undefined, contentId, entry, updated);
  const same = existing !== undefined && sameButUpdated(existing, text);
  return same && isObject(before) && before.get('updated') === updated ? undefined : text;
}

function asJson(marks: ReadonlyMap<string, SourceMark>): ReadonlyMap<string, PlainJson> {
  return new Map([...marks].map(([mirror, mark]) => [mirror, { ...mark }]));
}

function nodeOf({ product, version, item }: PublishedItem): string {
  return JSON.stringify([product, version, item]);
}

/** What somebody broke by hand is written anew: the images are what counts. */
function readable(text: string): PublishedItem[] {
  try {
    return readPublished(text);
  } catch (error) {
    if (error instanceof ImageStreamError) return [];
    throw error;
  }
}

/** Undefined for an index that is none: others cannot have entries in it. */
export function indexEntries(text: string): JsonObject | undefined {
  try {
    const tree = parseJson(text);
    const index = isObject(tree) && tree.get('format') === 'index:1.0' ? tree.get('index') : undefined;
    return isObject(index) ? index : undefined;
  } catch (error) {
    if (error instanceof ImageStreamError) return undefined;
    throw error;
  }
}

function cloudsOf(entry: JsonValue | undefined): { region: string; endpoint: string }[] {
  const clouds = isObject(entry) ? entry.get('clouds') : undefined;
  if (!Array.isArray(clouds)) return [];
  return clouds.flatMap((cloud) => {
    const region = isObject(cloud) ? cloud.get('region') : undefined;
    const endpoint = isObject(cloud) ? cloud.get('endpoint') : undefined;
    return typeof region === 'string' && typeof endpoint === 'string' ? [{ region, endpoint }] : [];
  });
}

export function documentUpdated(products: string): string {
  const tree = parseJson(products);
  const updated = isObject(tree) ? tree.get('updated') : undefined;
  return typeof updated === 'string' ? updated : '';
}
