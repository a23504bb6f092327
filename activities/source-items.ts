import type { MirrorSettings } from '../config/index.js';
import { counted } from '../contracts/counted.js';
import { ImageStreamError } from '../contracts/errors.js';
import type { DocumentRef } from '../contracts/sync.js';
import {
  flatten,
  inheritedData,
  itemChecksum,
  itemSize,
  matchesAll,
  parseFilter,
  type FlatItem,
  type ProductsDocument,
} from '../simplestreams/index.js';
import type { CandidateItem } from '../targets/plan.js';
import type { Documents } from './documents.js';

/** Said aloud, since a filter that lets nothing pass looks like a mirror that is in step. */
export function nothingWanted({ seen }: SourceItems): string {
  return seen === 0
    ? 'the mirror has no item with a file; what is in the cloud stays as it is'
    : `none of the mirror's ${counted(seen, 'item')} passes the filters; what is in the cloud stays as it is`;
}

export interface SourceItems {
  items: CandidateItem[];
  /** Items with a file, those that the filters leave out as well. */
  seen: number;
  sourceContentIds: Set<string>;
}

/** The items of the mirror that its filters want. */
export async function readItems(
  documents: Documents,
  mirror: MirrorSettings,
  refs: DocumentRef[],
  signal: AbortSignal,
): Promise<SourceItems> {
  const filters = mirror.filters.map(parseFilter);
  const source: SourceItems = { items: [], seen: 0, sourceContentIds: new Set() };
  for (const ref of refs) {
    const { document } = await documents.read(mirror, ref, signal);
    if (document.kind !== 'products') continue;
    source.sourceContentIds.add(document.contentId);
    for (const flat of flatten(document)) {
      if (!flat.data.get('path')) continue;
      source.seen += 1;
      if (!matchesAll(filters, flat.data)) continue;
      source.items.push(candidate(flat, document));
    }
  }
  return source;
}

function candidate({ product, version, item, data }: FlatItem, document: ProductsDocument): CandidateItem {
  return {
    product,
    version,
    item,
    data,
    ownData: inheritedData(document.tree, [product, version, item], { includeTop: false, insertNames: true }),
    sourceContentId: document.contentId,
    path: data.get('path') ?? '',
    facts: product === '' || version === '' || item === '' ? NAMELESS : factsOf(data),
  };
}

/** Glance keeps no empty property, so that such an image could not be told from others. */
const NAMELESS = {
  code: 'ItemInvalid',
  message: 'the name of its product, version or item is empty',
} as const;

/** A bad item counts only where its version is wanted, which is not known yet. */
function factsOf(data: ReadonlyMap<string, string>): CandidateItem['facts'] {
  try {
    return { size: itemSize(data), digest: itemChecksum(data) };
  } catch (error) {
    if (error instanceof ImageStreamError) return { code: error.code, message: error.message };
    throw error;
  }
}
