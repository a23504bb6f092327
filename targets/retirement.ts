import type { Removal } from '../contracts/sync.js';
import { RETIRED, type InventoryImage } from './glance/inventory.js';

/** What a mirror's settings say about images that are not wanted any more. */
export interface RetirementSettings {
  /** What happens to a superseded image at first. */
  retire: Removal['action'];
  /** Milliseconds after which a retired image is deleted. */
  retireAfter: number;
  /** What happens, instead of that, to an image that servers use. */
  inUse: 'hide' | 'keep' | 'delete';
}

/** Whether servers use an image; `unknown` where Nova should know and does not answer. */
export type Usage = 'free' | 'used' | 'unknown';

/**
 * What is to be done with an image that is not wanted: undefined where it is as it shall be for now. Images that nobody needs twice
 * (duplicates, leftovers) have no age; what is in use is at most hidden, unless the settings say otherwise.
 */
export function fate(
  image: InventoryImage,
  reason: Removal['reason'],
  settings: RetirementSettings,
  usage: Usage,
  now: number,
): Removal['action'] | undefined {
  if (reason === 'leftover') return 'delete';
  const guarded = settings.inUse !== 'delete';
  if (guarded && usage === 'unknown') return undefined;
  if (guarded && usage === 'used') return settings.inUse === 'hide' ? unlessDone(image, 'hide') : undefined;
  const ages = settings.retire !== 'delete' && (reason === 'superseded' || reason === 'replaced');
  const since = retiredSince(image);
  if (!ages || (since !== undefined && now - since >= settings.retireAfter)) return 'delete';
  return unlessDone(image, settings.retire);
}

function unlessDone(image: InventoryImage, action: Removal['action']): Removal['action'] | undefined {
  return retiredSince(image) !== undefined && isAs(image, action) ? undefined : action;
}

function isAs(image: InventoryImage, action: Removal['action']): boolean {
  switch (action) {
    case 'hide':
      return image.hidden;
    case 'deactivate':
      return image.status === 'deactivated';
    case 'community':
      return image.visibility === 'community';
    case 'delete':
      return false;
  }
}

/** When it was retired, in milliseconds since 1970; undefined without a date that can be read, so that it gets a new one. */
function retiredSince({ properties }: InventoryImage): number | undefined {
  const date = Date.parse(properties[RETIRED] ?? '');
  return Number.isNaN(date) ? undefined : date;
}
