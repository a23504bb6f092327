import { itemKey, workflowId } from '../contracts/ids.js';
import type { Digest, ImageItem, ItemFailure, PlanPage, PlanPosition, Removal } from '../contracts/sync.js';
import { resolveWork } from '../simplestreams/index.js';
import { imageFields, type ImageSettings, type SourceItem } from './glance/image-fields.js';
import { isOurs, isVerified, isWhole, type InventoryImage } from './glance/inventory.js';
import { differences } from './glance/differences.js';

/** An item of the mirror that passed the filters. */
export interface CandidateItem extends Omit<SourceItem, 'digest'> {
  path: string;
  /** Size in bytes and the strongest checksum, or why the item cannot be had. */
  facts: { size: number; digest: Digest } | { code: string; message: string };
}

type WantedItem = CandidateItem & { size: number; digest: Digest };

export interface PlanInput {
  cloud: string;
  region: string;
  settings: ImageSettings & { max: number | undefined; keep: boolean };
  items: readonly CandidateItem[];
  /** Content ids of the mirror's documents. */
  sourceContentIds: ReadonlySet<string>;
  /** Every image with an identity under the content id, whoever made it. */
  images: readonly InventoryImage[];
  position: PlanPosition;
  pageSize: number;
  /** Also list the removals that would follow the uploads. */
  preview: boolean;
}

/** Most that the items of one page may weigh as text, so that a history's events stay small; failures and removals likewise. */
const PAGE_BYTES = 120_000;
const PAGE_REMOVALS = 200;
const PAGE_FAILURES = 200;
/** Characters of a name that a failure quotes. */
const QUOTED = 200;
const TOO_HEAVY = `its names and metadata are over ${PAGE_BYTES} bytes`;

/**
 * What is to be done in one region, from the beginning of the order product, version (newest first), item: resolve-work for each
 * product (reference §2.3), then item by item, so that an item which newly matches joins a version that is already there.
 * Removals come only when nothing of their product is left to bring and nothing of it failed, and a wanted version is whole.
 */
export function planRegion(input: PlanInput): PlanPage {
  const failed = new Set(input.position.failed);
  const work = collectWork(input, failed);
  const open = work.items.filter(({ key }) => !failed.has(key));
  const { page, next } = cutPage(open, input);
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

interface OrderedItem {
  key: string;
  /** Place in the order of a pass. */
  order: string;
  item: ImageItem;
}

interface Work {
  items: OrderedItem[];
  removals: Removal[];
  unchanged: number;
  failures: ItemFailure[];
  unstable: ItemFailure[];
}

function collectWork(input: PlanInput, failed: ReadonlySet<string>): Work {
  const work: Work = { items: [], removals: [], unchanged: 0, failures: [], unstable: [] };
  const itemsOf = groupBy(input.items, ({ product }) => product);
  const imagesOf = groupBy(input.images, ({ product }) => product);
  let rank = 0;
  for (const product of [...itemsOf.keys()].sort()) {
    rank += 1;
    const held = imagesOf.get(product) ?? [];
    planProduct(input, product, rank, itemsOf.get(product) ?? [], held, failed, work);
  }
  return work;
}

function planProduct(
  input: PlanInput,
  product: string,
  rank: number,
  items: readonly CandidateItem[],
  images: readonly InventoryImage[],
  failed: ReadonlySet<string>,
  work: Work,
): void {
  const { settings, sourceContentIds, position } = input;
  const ours = images.filter((image) => isOurs(image, settings.mirror, sourceContentIds));
  const versions = groupBy(items, ({ version }) => version);
  const heldVersions = new Set(ours.filter(isWhole).map(({ version }) => version));
  const { add, remove } = resolveWork({
    source: versions.keys(),
    target: heldVersions,
    max: settings.max,
    keep: settings.keep,
  });
  const going = new Set(remove);
  const coming = new Set(add);
  const wanted = [...versions.keys()].filter(
    (version) => coming.has(version) || (heldVersions.has(version) && !going.has(version)),
  );
  wanted.sort((a, b) => (a < b ? 1 : -1));

  const repaired = new Set(position.repaired);
  const byIdentity = groupBy(images, ({ version, item }) => identity(version, item));
  const keepIds = new Set<string>();
  let pending = false;
  let damaged = false;
  let wholeVersions = 0;
  wanted.forEach((version, place) => {
    let whole = true;
    for (const candidate of chosenItems(versions.get(version) ?? [])) {
      const key = itemKey(settings.contentId, product, version, candidate.item);
      if ('code' in candidate.facts) {
        work.failures.push({ key, ...quoted(candidate), ...candidate.facts });
        damaged = true;
        continue;
      }
      const item: WantedItem = { ...candidate, ...candidate.facts };
      const found = byIdentity.get(identity(version, item.item)) ?? [];
      const holder = chooseHolder(found, item);
      if (holder) keepIds.add(holder.id);
      const foreign = holder !== undefined && !isOurs(holder, settings.mirror, sourceContentIds);
      const fields = imageFields(item, settings);
      const differs = holder && !foreign ? differences(holder, fields) : [];
      whole &&= holder?.status === 'active';
      if (holder && differs.length === 0) {
        work.unchanged += 1;
        continue;
      }
      const next = imageItem(input, item, key, fields, holder, differs);
      if (weight(next) > PAGE_BYTES) {
        work.failures.push({ key, ...quoted(candidate), code: 'ItemInvalid', message: TOO_HEAVY });
        damaged = true;
        continue;
      }
      if (holder && repaired.has(key) && !failed.has(key)) {
        work.unstable.push(notStaying(next));
        damaged = true;
        continue;
      }
      pending = true;
      work.items.push({ key, order: orderOf(rank, place, item.item), item: next });
    }
    if (whole) wholeVersions += 1;
  });

  if (damaged || (!input.preview && (pending || wholeVersions === 0))) return;
  const versionsWanted = new Set(wanted);
  for (const image of ours) {
    if (keepIds.has(image.id)) continue;
    const reason = removalReason(image, going, versionsWanted, byIdentity, keepIds);
    if (reason) work.removals.push(removal(image, settings.contentId, reason));
  }
}

/** Of the images with one identity, the one to keep: whole, verified, of the right digest, the oldest. */
function chooseHolder(images: readonly InventoryImage[], item: WantedItem): InventoryImage | undefined {
  const digest = `${item.digest.algorithm}:${item.digest.hex}`;
  const right = images.filter(
    (image) => isWhole(image) && isVerified(image) && (image.digest === undefined || image.digest === digest),
  );
  const order = (a: InventoryImage, b: InventoryImage) =>
    Number(b.digest === digest) - Number(a.digest === digest) ||
    Number(b.status === 'active') - Number(a.status === 'active') ||
    (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : a.id < b.id ? -1 : 1);
  return [...right].sort(order)[0];
}

function removalReason(
  image: InventoryImage,
  going: ReadonlySet<string>,
  wanted: ReadonlySet<string>,
  byIdentity: ReadonlyMap<string, readonly InventoryImage[]>,
  keepIds: ReadonlySet<string>,
): Removal['reason'] | undefined {
  const twins = byIdentity.get(identity(image.version, image.item)) ?? [];
  const replaced = twins.some(({ id }) => id !== image.id && keepIds.has(id));
  if (!isWhole(image)) return image.mirror === undefined ? undefined : 'leftover';
  if (going.has(image.version)) return 'superseded';
  if (!replaced || !wanted.has(image.version)) return undefined;
  return image.digest === undefined ? 'duplicate' : 'replaced';
}

function removal(
  { id, name, product, version, item, mirror }: InventoryImage,
  contentId: string,
  reason: Removal['reason'],
): Removal {
  return { key: `rm:${id}`, imageId: id, name, contentId, mirror, product, version, item, reason };
}

function imageItem(
  { cloud, region, settings }: PlanInput,
  wanted: WantedItem,
  key: string,
  image: ImageItem['image'],
  holder: InventoryImage | undefined,
  differs: string[],
): ImageItem {
  const { product, version, item, path, size, digest, sourceContentId, data } = wanted;
  return {
    key,
    workflowId: workflowId.syncImage(cloud, region, settings.contentId, product, version, item),
    action: holder ? 'finalise' : 'upload',
    contentId: settings.contentId,
    sourceContentId,
    product,
    version,
    item,
    path,
    size,
    digest,
    image,
    ...(holder ? { imageId: holder.id, differs } : {}),
    release: data.get('release') ?? '',
    arch: data.get('arch') ?? '',
  };
}

function notStaying({ key, product, version, item, differs }: ImageItem): ItemFailure {
  const message = `mended and different again: ${(differs ?? []).join(', ')}`;
  return { key, product, version, item, code: 'NotConverging', message };
}

/**
 * An item that several documents name is taken from the first of them. Where a version has both, the root tarball is taken and the
 * squashfs left (reference §4.6).
 */
function chosenItems(items: readonly CandidateItem[]): CandidateItem[] {
  const ftype = (item: CandidateItem) => (item.data.get('ftype') ?? '').toLowerCase();
  const byName = new Map<string, CandidateItem>();
  for (const item of items) if (!byName.has(item.item)) byName.set(item.item, item);
  const tarball = items.some((item) => ftype(item).startsWith('root.tar'));
  return [...byName.values()]
    .filter((item) => !(tarball && ftype(item) === 'squashfs'))
    .sort((a, b) => (a.item < b.item ? -1 : 1));
}

function cutPage(open: readonly OrderedItem[], input: PlanInput): { page: OrderedItem[]; next: string } {
  const page: OrderedItem[] = [];
  let sum = 0;
  for (const entry of open) {
    if (entry.order <= input.position.cursor) continue;
    sum += weight(entry.item);
    if (page.length > 0 && (page.length >= input.pageSize || sum > PAGE_BYTES)) {
      return { page, next: page.at(-1)!.order };
    }
    page.push(entry);
  }
  return { page, next: '' };
}

/** As many of the first values as a page may carry; the next page has those that follow. */
function light<T>(values: readonly T[], most: number): T[] {
  let sum = 0;
  const end = values.findIndex((value, index) => {
    sum += weight(value);
    return index >= most || (index > 0 && sum > PAGE_BYTES);
  });
  return end < 0 ? [...values] : values.slice(0, end);
}

function weight(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function quoted({
  product,
  version,
  item,
}: CandidateItem): Pick<ItemFailure, 'product' | 'version' | 'item'> {
  const cut = (name: string) => (name.length > QUOTED ? `${name.slice(0, QUOTED)}…` : name);
  return { product: cut(product), version: cut(version), item: cut(item) };
}

function orderOf(rank: number, place: number, item: string): string {
  return `${String(rank).padStart(7, '0')}/${String(place).padStart(7, '0')}/${item}`;
}

function identity(version: string, item: string): string {
  return `${version.length}:${version}/${item}`;
}

function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}
