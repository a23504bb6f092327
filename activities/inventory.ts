import type { TargetRef } from '../contracts/sync.js';
import { inventoryImage, type InventoryImage } from '../targets/glance/inventory.js';
import type { Clouds } from './clouds.js';

/** Every image of the project that has an identity under a content id, whatever its status or visibility. */
export async function listInventory(
  clouds: Clouds,
  target: TargetRef,
  contentId: string,
  signal: AbortSignal,
): Promise<InventoryImage[]> {
  const glance = await clouds.glance(target);
  const images: InventoryImage[] = [];
  const filters = { owner: target.fingerprint.projectId, properties: { content_id: contentId } };
  for await (const image of glance.list(filters, signal)) {
    const known = inventoryImage(image, contentId);
    if (known) images.push(known);
  }
  return images;
}
