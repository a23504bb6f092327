import { workflowId } from '../contracts/ids.js';
import type { ImageItem, ItemFailure } from '../contracts/sync.js';
import type { InventoryImage } from './glance/inventory.js';
import type { CandidateItem, PlanInput, WantedItem } from './plan-types.js';

/** Characters of a name that a failure quotes. */
const QUOTED = 200;

/** The work on one item: to bring it, or to mend the image that holds it. */
export function imageItem(
  { cloud, region, settings }: PlanInput,
  wanted: WantedItem,
  key: string,
  image: ImageItem['image'],
  holder: InventoryImage | undefined,
  differs: string[],
): ImageItem {
  const { product, version, item } = wanted;
  const { contentId } = settings;
  return workItem(wanted, {
    key,
    workflowId: workflowId.syncImage(cloud, region, contentId, product, version, item),
    action: holder ? 'finalise' : 'upload',
    contentId,
    image,
    ...(holder ? { imageId: holder.id, differs } : {}),
  });
}

/** An item of the mirror with what its target makes of it. */
export function workItem(
  { sourceContentId, product, version, item, path, size, digest, data }: WantedItem,
  own: Pick<ImageItem, 'key' | 'workflowId' | 'action' | 'contentId' | 'image' | 'imageId' | 'differs'>,
): ImageItem {
  const names = { sourceContentId, product, version, item, path };
  const told = { release: data.get('release') ?? '', arch: data.get('arch') ?? '' };
  return { ...own, ...names, size, digest, ...told };
}

export function notStaying({ key, product, version, item, differs }: ImageItem): ItemFailure {
  const message = `mended and different again: ${(differs ?? []).join(', ')}`;
  return { key, product, version, item, code: 'NotConverging', message };
}

export function notToBeHad(key: string, item: CandidateItem, code: string, message: string): ItemFailure {
  const cut = (name: string) => (name.length > QUOTED ? `${name.slice(0, QUOTED)}…` : name);
  return {
    key,
    product: cut(item.product),
    version: cut(item.version),
    item: cut(item.item),
    code,
    message,
  };
}

/** Place in the order of a pass: product, version, item. */
export function orderOf(rank: number, place: number, item: string): string {
  return `${String(rank).padStart(7, '0')}/${String(place).padStart(7, '0')}/${item}`;
}

/**
 * An item that several documents name is taken from the first of them. Where a version has both, the root tarball is taken and the
 * squashfs left (reference §4.6).
 */
export function chosenItems(items: readonly CandidateItem[]): CandidateItem[] {
  const ftype = (item: CandidateItem) => (item.data.get('ftype') ?? '').toLowerCase();
  const byName = new Map<string, CandidateItem>();
  for (const item of items) if (!byName.has(item.item)) byName.set(item.item, item);
  const tarball = items.some((item) => ftype(item).startsWith('root.tar'));
  return [...byName.values()]
    .filter((item) => !(tarball && ftype(item) === 'squashfs'))
    .sort((a, b) => (a.item < b.item ? -1 : 1));
}
