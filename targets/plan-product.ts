import { itemKey } from '../contracts/ids.js';
import type { Removal } from '../contracts/sync.js';
import { resolveWork } from '../simplestreams/index.js';
import { differences } from './glance/differences.js';
import { imageFields } from './glance/image-fields.js';
import { isOurs, isRetired, isWhole, type InventoryImage } from './glance/inventory.js';
import { groupBy, identity } from './grouping.js';
import { chooseHolder } from './holder.js';
import { PAGE_BYTES, weight } from './page.js';
import { chosenItems, imageItem, notStaying, notToBeHad, orderOf } from './plan-item.js';
import type { CandidateItem, PlanInput, WantedItem, Work } from './plan-types.js';
import { removal, removalReason, type Wanted } from './removals.js';
import { fate } from './retirement.js';

const TOO_HEAVY = `its names and metadata are over ${PAGE_BYTES} bytes`;

interface ProductItems {
  /** Place of the product in the order of a pass, from 1. */
  rank: number;
  items: readonly CandidateItem[];
}

/** How far the wanted versions of a product are there. */
interface Progress {
  work: Work;
  /** Keys of what this run mended: a repair happens once. */
  mended: ReadonlySet<string>;
  /** Images that hold what is wanted. */
  keepIds: Set<string>;
  /** Something is still to bring or to mend. */
  pending: boolean;
  /** Something cannot be had, or does not stay as it was made. */
  damaged: boolean;
  wholeVersions: number;
  /** An active image of the newest whole version. */
  successorId: string | undefined;
}

/** What is to be done about one product, given every image with an identity of it. */
export function planProduct(
  input: PlanInput,
  { rank, items }: ProductItems,
  images: readonly InventoryImage[],
  mended: ReadonlySet<string>,
): Work {
  const { settings, sourceContentIds } = input;
  const ours = images.filter((image) => isOurs(image, settings.mirror, sourceContentIds));
  const versions = groupBy(items, ({ version }) => version);
  const held = new Set(
    ours.filter((image) => isWhole(image) && !isRetired(image)).map(({ version }) => version),
  );
  const { add, remove } = resolveWork({
    source: versions.keys(),
    target: held,
    max: settings.max,
    keep: settings.keep,
  });
  const going = new Set(remove);
  const coming = new Set(add);
  const wanted = [...versions.keys()]
    .filter((version) => coming.has(version) || (held.has(version) && !going.has(version)))
    .sort((a, b) => (a < b ? 1 : -1));

  const byIdentity = groupBy(images, ({ version, item }) => identity(version, item));
  const progress: Progress = {
    work: { items: [], removals: [], unchanged: 0, failures: [], unstable: [] },
    mended,
    keepIds: new Set(),
    pending: false,
    damaged: false,
    wholeVersions: 0,
    successorId: undefined,
  };
  wanted.forEach((version, place) => {
    const items = chosenItems(versions.get(version) ?? []);
    const holders = items.map((candidate) => {
      const found = byIdentity.get(identity(version, candidate.item)) ?? [];
      return planItem(input, candidate, found, orderOf(rank, place, candidate.item), progress);
    });
    if (!holders.every((holder) => holder?.status === 'active')) return;
    progress.wholeVersions += 1;
    progress.successorId ??= holders[0]?.id;
  });
  const { keepIds, successorId } = progress;
  const aim = { versions: new Set(wanted), going, byIdentity, keepIds, successorId };
  return { ...progress.work, removals: removalsOf(input, ours, aim, progress) };
}

/** Gives the image that holds the item, and notes what is to be done about it. */
function planItem(
  input: PlanInput,
  candidate: CandidateItem,
  found: readonly InventoryImage[],
  order: string,
  progress: Progress,
): InventoryImage | undefined {
  const { settings, sourceContentIds } = input;
  const { work } = progress;
  const key = itemKey(settings.contentId, candidate.product, candidate.version, candidate.item);
  if ('code' in candidate.facts) {
    work.failures.push(notToBeHad(key, candidate, candidate.facts.code, candidate.facts.message));
    progress.damaged = true;
    return undefined;
  }
  const item: WantedItem = { ...candidate, ...candidate.facts };
  // Of another tool's image nothing says which bytes it has, but for those of our own source.
  const known = found.filter(
    (image) => image.mirror !== undefined || isOurs(image, settings.mirror, sourceContentIds),
  );
  const holder = chooseHolder(known, item);
  if (holder) progress.keepIds.add(holder.id);
  const foreign = holder !== undefined && !isOurs(holder, settings.mirror, sourceContentIds);
  const fields = imageFields(item, settings);
  const differs = holder && !foreign ? differences(holder, fields) : [];
  if (holder && differs.length === 0) {
    work.unchanged += 1;
    return holder;
  }
  const next = imageItem(input, item, key, fields, holder, differs);
  if (weight(next) > PAGE_BYTES) {
    work.failures.push(notToBeHad(key, candidate, 'ItemInvalid', TOO_HEAVY));
    progress.damaged = true;
  } else if (holder && progress.mended.has(key)) {
    work.unstable.push(notStaying(next));
    progress.damaged = true;
  } else {
    progress.pending = true;
    work.items.push({ key, order, item: next });
  }
  return holder;
}

/** Nothing goes while something of the product is to be brought, could not be had, or no wanted version is whole. */
function removalsOf(
  { settings, preview, usage, now }: PlanInput,
  ours: readonly InventoryImage[],
  wanted: Wanted,
  { pending, damaged, wholeVersions }: Progress,
): Removal[] {
  if (damaged || (pending ? !preview : wholeVersions === 0)) return [];
  return ours.flatMap((image) => {
    if (wanted.keepIds.has(image.id)) return [];
    const why = removalReason(image, wanted);
    const action = why && fate(image, why.reason, settings, usage.get(image.id) ?? 'free', now);
    return action ? [removal(image, settings.contentId, action, why)] : [];
  });
}
