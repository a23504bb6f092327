import { ImageStreamError } from '../../contracts/errors.js';
import type { ImageItem } from '../../contracts/sync.js';
import type { Glance } from '../../openstack/index.js';
import { propertiesToWrite } from './differences.js';
import { inventoryImage } from './inventory.js';

/**
 * Makes a whole image as it shall be: properties and name first, visibility last, since that is what shows it to others. Writes
 * only what differs.
 * @throws {ImageStreamError} ImageGone, when it is no longer there or no longer this item's; Forbidden, VisibilityForbidden
 */
export async function finaliseImage(glance: Glance, imageId: string, item: ImageItem): Promise<void> {
  const image = await glance.get(imageId);
  const known = inventoryImage(image, item.contentId);
  if (known?.product !== item.product || known.version !== item.version || known.item !== item.item) {
    throw new ImageStreamError('ImageGone', `Image ${imageId} is no longer ${item.image.name}`, {
      retryable: false,
    });
  }
  if (image.status !== 'active' && image.status !== 'deactivated') {
    throw new ImageStreamError('ImageGone', `Image ${imageId} is ${image.status}`, { retryable: false });
  }
  const properties = propertiesToWrite(known, item.image);
  const name = known.mirror !== undefined && known.name !== item.image.name ? { name: item.image.name } : {};
  const shown = known.hidden ? { osHidden: false } : {};
  if (Object.keys({ ...properties, ...name, ...shown }).length > 0) {
    await glance.patch(imageId, { set: properties, ...name, ...shown });
  }
  if (image.status === 'deactivated') await glance.reactivate(imageId);
  if (image.visibility !== item.image.visibility) {
    await glance.patch(imageId, { visibility: item.image.visibility });
  }
}
