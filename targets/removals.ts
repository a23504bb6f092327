import type { Removal } from '../contracts/sync.js';
import { isWhole, type InventoryImage } from './glance/inventory.js';
import { identity } from './grouping.js';

/** Why an image goes; undefined for one that stays. */
export function removalReason(
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

/** An image that goes, as the step that removes it knows it again. */
export function removal(
  { id, name, product, version, item, mirror }: InventoryImage,
  contentId: string,
  reason: Removal['reason'],
): Removal {
  return { key: `rm:${id}`, imageId: id, name, contentId, mirror, product, version, item, reason };
}
