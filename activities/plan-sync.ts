import type { Activities } from '../contracts/activities.js';
import { counted } from '../contracts/counted.js';
import { ImageStreamError } from '../contracts/errors.js';
import type { DocumentRef } from '../contracts/sync.js';
import type { MirrorSettings } from '../config/index.js';
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
import { contentIdFor } from '../targets/content-id.js';
import { pageOf, surveyRegion, type CandidateItem } from '../targets/plan.js';
import type { Dependencies } from './dependencies.js';
import type { Documents } from './documents.js';
import { beating } from './heartbeat.js';
import { listInventory } from './inventory.js';
import { PassSurveys } from './pass-surveys.js';

/**
 * Compares what the mirror has with what Glance holds, and answers with a page of work. Later pages of a pass are taken from the survey
 * that the first one made, where this worker has it still: listing thousands of images for each page costs more than bringing them.
 */
export function planSync(dependencies: Dependencies): Activities['planSync'] {
  const { settings, documents, clouds } = dependencies;
  const passes = new PassSurveys();
  return async ({ run, target, documents: refs, position, pageSize, preview }) => {
    const mirror = await settings.ofRun(run);
    return beating(
      () => ({ stage: 'plan' }),
      async (signal) => {
        const way = { position, pageSize, preview: preview ?? false };
        const begun = position.cursor === '' ? undefined : passes.survey();
        const going = begun && pageOf(begun, way);
        if (going && going.items.length > 0) return going;

        const contentId = contentIdFor(mirror, target.region);
        const source = await readItems(documents, mirror, refs, signal);
        const images = await listInventory(clouds, target, contentId, signal);
        const survey = surveyRegion({
          cloud: target.cloud,
          region: target.region,
          settings: { ...mirror, mirror: mirror.name, contentId },
          ...source,
          images,
          ...way,
        });
        const page = pageOf(survey, way);
        if (page.next !== '') passes.keep(survey);
        return source.items.length > 0
          ? page
          : { ...page, warnings: [...page.warnings, nothingWanted(source)] };
      },
    );
  };
}

/** Said aloud, since a filter that lets nothing pass looks like a mirror that is in step. */
function nothingWanted({ seen }: SourceItems): string {
  return seen === 0
    ? 'the mirror has no item with a file; what is in the cloud stays as it is'
    : `none of the mirror's ${counted(seen, 'item')} passes the filters; what is in the cloud stays as it is`;
}

interface SourceItems {
  items: CandidateItem[];
  /** Items with a file, those that the filters leave out as well. */
  seen: number;
  sourceContentIds: Set<string>;
}

/** The items of the mirror that its filters want. */
async function readItems(
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
