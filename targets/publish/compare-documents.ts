import { ImageStreamError } from '../../contracts/errors.js';
import type { MetadataDifference } from '../../contracts/sync.js';
import {
  canonicalJson,
  isObject,
  readPublished,
  type JsonObject,
  type PublishedItem,
} from '../../simplestreams/index.js';
import {
  INDEX_PATH,
  documentUpdated,
  indexEntries,
  mergedIndex,
  mergedProducts,
  productsPath,
} from './documents.js';

/** A published document as it is, and how a sync would make it; `wanted` undefined where there is nothing to publish. */
export interface ComparedDocument {
  wanted: string | undefined;
  difference?: MetadataDifference;
}

/**
 * The products document against what `mergedProducts` would write of the images that Glance holds.
 * @param index the index there is now: it tells the time of a document that does not, so that its entry differs only where more does
 */
export function compareProducts(
  existing: string | undefined,
  contentId: string,
  region: string,
  items: readonly PublishedItem[],
  index: string | undefined,
): ComparedDocument {
  if (existing === undefined && items.length === 0) return { wanted: undefined };
  const text = mergedProducts(existing, contentId, region, items, updatedOf(existing, index, contentId));
  if (text === undefined) return { wanted: existing };
  const what = productsPath(contentId);
  if (existing === undefined) {
    const why = `is not there; ${imagesOf(items.length)} should be in it`;
    return { wanted: text, difference: { kind: 'products', what, state: 'missing', why } };
  }
  return {
    wanted: text,
    difference: { kind: 'products', what, state: 'differs', why: changes(existing, text, region) },
  };
}

/** The entry of the index against what `mergedIndex` would write once the products are as they should be. */
export function compareIndex(
  existing: string | undefined,
  contentId: string,
  region: string,
  products: string,
  place: { cloudName: string; endpoints: readonly string[] },
): MetadataDifference | undefined {
  const entries = existing === undefined ? undefined : indexEntries(existing);
  const entry = entries?.get(contentId);
  const text = mergedIndex(existing, contentId, region, products, place);
  if (text === undefined) return undefined;
  const differs = { kind: 'index', what: INDEX_PATH, state: 'differs' } as const;
  if (existing === undefined) return { ...differs, state: 'missing', why: 'is not there' };
  if (!entries) return { ...differs, why: 'is no index' };
  if (!isObject(entry)) return { ...differs, why: `has no entry ${contentId}` };
  const wanted = indexEntries(text)?.get(contentId);
  const keys = isObject(wanted) ? unlike(entry, wanted) : [];
  return { ...differs, why: `its entry ${contentId} has another ${keys.join(', ') || 'form'}` };
}

/** Regions of a products document, with their items counted. */
export function regionsIn(text: string | undefined): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { data } of itemsOf(text) ?? []) {
    const region = data.get('region') ?? '';
    counts.set(region, (counts.get(region) ?? 0) + 1);
  }
  return counts;
}

/** Undefined for a text that is no products document. */
export function itemsOf(text: string | undefined): PublishedItem[] | undefined {
  try {
    return text === undefined ? undefined : readPublished(text);
  } catch (error) {
    if (error instanceof ImageStreamError) return undefined;
    throw error;
  }
}

function changes(existing: string, wanted: string, region: string): string {
  const before = itemsOf(existing);
  if (!before) return 'is no products document';
  const have = keyed(before, region);
  const want = keyed(itemsOf(wanted) ?? [], region);
  const missing = [...want.keys()].filter((key) => !have.has(key)).length;
  const surplus = [...have.keys()].filter((key) => !want.has(key)).length;
  const other = [...want].filter(([key, facts]) => have.has(key) && have.get(key) !== facts).length;
  const parts = [
    missing > 0 ? `${imagesOf(missing)} missing` : '',
    surplus > 0 ? `${imagesOf(surplus)} too many` : '',
    other > 0 ? `${imagesOf(other)} with other facts` : '',
  ].filter((part) => part !== '');
  return parts.length > 0 ? `${parts.join(', ')}, of ${want.size}` : 'its text is not as it should be';
}

/** The facts of each item of a region, without those of the document. */
function keyed(items: readonly PublishedItem[], region: string): Map<string, string> {
  const facts = new Map<string, string>();
  for (const { product, version, item, data } of items) {
    if (data.get('region') !== region) continue;
    const own = [...data].filter(([key]) => key !== 'updated').sort(([a], [b]) => (a < b ? -1 : 1));
    facts.set(JSON.stringify([product, version, item]), JSON.stringify(own));
  }
  return facts;
}

function unlike(have: JsonObject, want: JsonObject): string[] {
  const text = (object: JsonObject, key: string) => {
    const value = object.get(key);
    return value === undefined ? '' : canonicalJson(value);
  };
  return [...new Set([...have.keys(), ...want.keys()])].filter((key) => text(have, key) !== text(want, key));
}

function updatedOf(products: string | undefined, index: string | undefined, contentId: string): string {
  const entry = index === undefined ? undefined : indexEntries(index)?.get(contentId);
  const said = isObject(entry) ? entry.get('updated') : undefined;
  const updated = itemsOf(products) ? documentUpdated(products ?? '') : '';
  return updated || (typeof said === 'string' ? said : '');
}

function imagesOf(count: number): string {
  return `${count} ${count === 1 ? 'image' : 'images'}`;
}
