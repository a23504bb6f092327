import type { Removal } from '../contracts/sync.js';
import { isRetired, isWhole, type InventoryImage } from './glance/inventory.js';
import { identity } from './grouping.js';

/** What of a product is wanted, and which images hold it. */
export interface Wanted {
  /** Versions that are wanted. */
  versions: ReadonlySet<string>;
  /** Versions that are held and wanted no more. */
  going: ReadonlySet<string>;
  /** Images by version and item. */
  byIdentity: ReadonlyMap<string, readonly InventoryImage[]>;
  /** Images that hold what is wanted. */
  keepIds: ReadonlySet<string>;
  /** An active image of the newest whole version. */
  successorId: string | undefined;
}

/** Why an image goes, and which active image there must be when it does; undefined for one that stays. */
export function removalReason(
  image: InventoryImage,
  wanted: Wanted,
): Pick<Removal, 'reason' | 'successorId'> | undefined {
  if (!isWhole(image)) return image.mirror === undefined ? undefined : { reason: 'leftover' };
  const { versions, going, successorId } = wanted;
  if (going.has(image.version) || (isRetired(image) && !versions.has(image.version))) {
    return { reason: 'superseded', ...(successorId === undefined ? {} : { successorId }) };
  }
  if (!versions.has(image.version)) return undefined;
  const twins = wanted.byIdentity.get(identity(image.version, image.item)) ?? [];
  const kept = twins.find(
    ({ id, status }) => id !== image.id && wanted.keepIds.has(id) && status === 'active',
  );
  if (!kept) return undefined;
  return { reason: image.digest === undefined ? 'duplicate' : 'replaced', successorId: kept.id };
}

/** An image that goes, as the step that removes it knows it again. */
export function removal(
  { id, name, product, version, item, mirror }: InventoryImage,
  contentId: string,
  action: Removal['action'],
  why: Pick<Removal, 'reason' | 'successorId'>,
): Removal {
  return { key: `rm:${id}`, imageId: id, name, contentId, mirror, product, version, item, action, ...why };
}
