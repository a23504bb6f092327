import type { PlanPage } from '../contracts/sync.js';
import { groupBy } from './grouping.js';
import { cutPage, light } from './page.js';
import { planProduct } from './plan-product.js';
import type { PlanInput, Work } from './plan-types.js';

export type { CandidateItem, OrderedItem, PlanInput, Work } from './plan-types.js';

const PAGE_REMOVALS = 200;
const PAGE_FAILURES = 200;

/**
 * What is to be done in one region, from the beginning of the order product, version (newest first), item: resolve-work for each
 * product (reference §2.3), then item by item, so that an item which newly matches joins a version that is already there.
 * Removals come only when nothing of their product is left to bring and nothing of it failed, and a wanted version is whole.
 */
export function planRegion(input: PlanInput): PlanPage {
  return pageOf(surveyRegion(input), input);
}

/** The page of a survey that follows the cursor; counts are of what is left from there on. */
export function pageOf(work: Work, input: Pick<PlanInput, 'position' | 'pageSize' | 'preview'>): PlanPage {
  const failed = new Set(input.position.failed);
  const open = work.items.filter(({ key, order }) => order > input.position.cursor && !failed.has(key));
  const { page, next } = cutPage(open, input.pageSize);
  const removals = work.removals.filter(({ key }) => !failed.has(key));
  const removable = input.preview ? next === '' : page.length === 0;
  const failures = light(
    work.failures.filter(({ key }) => !failed.has(key)),
    PAGE_FAILURES,
  );
  return {
    items: page.map(({ item }) => item),
    removals: removable ? light(removals, input.preview ? Infinity : PAGE_REMOVALS) : [],
    counts: {
      upload: open.filter(({ item }) => item.action === 'upload').length,
      finalise: open.filter(({ item }) => item.action === 'finalise').length,
      remove: removals.length,
      unchanged: work.unchanged,
      bytes: open.reduce((sum, { item }) => sum + (item.action === 'upload' ? item.size : 0), 0),
    },
    next,
    failures,
    unstable: work.unstable,
    warnings: [],
  };
}

/** Images that would go and that servers may use: their usage decides what becomes of them. */
export function imagesToAskAbout(work: Work, { settings, position }: PlanInput): string[] {
  if (settings.inUse === 'delete') return [];
  const failed = new Set(position.failed);
  return work.removals
    .filter(({ key, reason }) => reason !== 'leftover' && !failed.has(key))
    .map(({ imageId }) => imageId);
}

/** All that is to be done in a region at this moment. */
export function surveyRegion(input: PlanInput): Work {
  const failed = new Set(input.position.failed);
  const mended = new Set(input.position.repaired.filter((key) => !failed.has(key)));
  const itemsOf = groupBy(input.items, ({ product }) => product);
  const imagesOf = groupBy(input.images, ({ product }) => product);
  const work: Work = { items: [], removals: [], unchanged: 0, failures: [], unstable: [] };
  [...itemsOf.keys()].sort().forEach((product, index) => {
    const one = { rank: index + 1, items: itemsOf.get(product) ?? [] };
    const part = planProduct(input, one, imagesOf.get(product) ?? [], mended);
    for (const each of part.items) work.items.push(each);
    for (const each of part.removals) work.removals.push(each);
    for (const each of part.failures) work.failures.push(each);
    for (const each of part.unstable) work.unstable.push(each);
    work.unchanged += part.unchanged;
  });
  return work;
}
