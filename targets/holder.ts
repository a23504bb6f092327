import { isRetired, isVerified, isWhole, type InventoryImage } from './glance/inventory.js';
import type { WantedItem } from './plan-types.js';

/** Of the images with one identity, the one to keep: whole, verified, of the right digest, not retired, the oldest. */
export function chooseHolder(
  images: readonly InventoryImage[],
  item: WantedItem,
): InventoryImage | undefined {
  const digest = `${item.digest.algorithm}:${item.digest.hex}`;
  const right = images.filter(
    (image) => isWhole(image) && isVerified(image) && (image.digest === undefined || image.digest === digest),
  );
  const order = (a: InventoryImage, b: InventoryImage) =>
    Number(isRetired(a)) - Number(isRetired(b)) ||
    Number(b.digest === digest) - Number(a.digest === digest) ||
    Number(b.status === 'active') - Number(a.status === 'active') ||
    (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : a.id < b.id ? -1 : 1);
  return [...right].sort(order)[0];
}
