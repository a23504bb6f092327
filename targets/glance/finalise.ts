import { ImageStreamError } from '../../contracts/errors.js';
import type { ImageItem } from '../../contracts/sync.js';
import type { Glance } from '../../openstack/index.js';
import { propertiesToWrite } from './differences.js';
import { RETIRED, VERIFIED, inventoryImage, isRetired, isVerified, verifiedMark } from './inventory.js';

/**
 * Makes a whole image, whose bytes were compared, as it shall be, and writes only what differs. It is one change that Glance makes as a
 * whole: the mark that says so and the visibility that shows the image to others stand or fall together.
 * @throws {ImageStreamError} ImageGone, when it is no longer there or no longer this item's; Forbidden, VisibilityForbidden
 */
export async function finaliseImage(glance: Glance, imageId: string, item: ImageItem): Promise<void> {
  const image = await glance.find(imageId);
  if (image === undefined) throw gone(imageId, item);
  const known = inventoryImage(image, item.contentId);
  if (known?.product !== item.product || known.version !== item.version || known.item !== item.item) {
    throw new ImageStreamError('ImageGone', `Image ${imageId} is no longer ${item.image.name}`, {
      retryable: false,
    });
  }
  if (image.status !== 'active' && image.status !== 'deactivated') {
    throw new ImageStreamError('ImageGone', `Image ${imageId} is ${image.status}`, { retryable: false });
  }
  if (item.action === 'finalise' && !isVerified(known)) {
    throw new ImageStreamError('HashMismatch', `The bytes of image ${imageId} were never compared`, {
      retryable: false,
    });
  }
  const mark: Record<string, string> = known.mirror === undefined ? {} : { [VERIFIED]: verifiedMark(known) };
  const properties = propertiesToWrite(known, item.image, mark);
  const name = known.mirror !== undefined && known.name !== item.image.name ? { name: item.image.name } : {};
  const shown = known.hidden ? { osHidden: false } : {};
  const visibility = image.visibility === item.image.visibility ? {} : { visibility: item.image.visibility };
  if (image.status === 'deactivated') await glance.reactivate(imageId);
  const again = isRetired(known) ? { remove: [RETIRED] } : {};
  if (Object.keys({ ...properties, ...name, ...shown, ...visibility, ...again }).length > 0) {
    const changes = { set: properties, ...name, ...shown, ...visibility, ...again };
    await glance.patch(imageId, changes).catch((error: unknown) => {
      const deleted = error instanceof ImageStreamError && error.code === 'NotFound';
      throw deleted ? gone(imageId, item) : error;
    });
  }
}

/** Final for this step: the image is brought once more. */
function gone(imageId: string, { image }: ImageItem): ImageStreamError {
  return new ImageStreamError(
    'ImageGone',
    `Image ${imageId} (${image.name}) was deleted before it was finished`,
    {
      retryable: false,
    },
  );
}
