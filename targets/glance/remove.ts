import { ImageStreamError } from '../../contracts/errors.js';
import type { RemoveResult, Removal } from '../../contracts/sync.js';
import type { Glance, GlanceImage } from '../../openstack/index.js';
import { RETIRED, inventoryImage } from './inventory.js';

/**
 * Removes or retires images one after the other. Each is looked at once more, and so is the one in its place: an image that is
 * protected, that no longer carries the identity it was chosen for, or whose successor is not active, stays. What Glance refuses is
 * told and left to the next run; an abort ends it between two images. Where it was `begun` before, by an attempt of which no answer came,
 * an image that is gone was removed by that one.
 */
export async function removeImages(
  glance: Glance,
  removals: readonly Removal[],
  onEach: (done: number) => void,
  { signal, begun }: { signal: AbortSignal; begun: boolean },
): Promise<RemoveResult> {
  const result: RemoveResult = { removed: 0, retired: 0, kept: [], failures: [] };
  for (const [index, removal] of removals.entries()) {
    signal.throwIfAborted();
    onEach(index);
    try {
      const done = await removeOne(glance, removal, begun);
      if (done === 'removed') result.removed += 1;
      else if (done === 'retired') result.retired += 1;
      else if (done !== 'gone') result.kept.push({ key: removal.key, message: done.stays });
    } catch (error) {
      if (!(error instanceof ImageStreamError)) throw error;
      if (isRefusal(error)) {
        result.kept.push({ key: removal.key, message: `${nameOf(removal)} stays: ${error.message}` });
      } else if (error.retryable) {
        throw error;
      } else {
        const { key, product, version, item } = removal;
        result.failures.push({ key, product, version, item, code: error.code, message: error.message });
      }
    }
  }
  return result;
}

/** Protected after all (403), or in use by what Glance keeps the bytes in (409). */
function isRefusal({ code }: ImageStreamError): boolean {
  return code === 'Forbidden' || code === 'VisibilityForbidden' || code === 'Conflict';
}

async function removeOne(
  glance: Glance,
  removal: Removal,
  begun: boolean,
): Promise<'removed' | 'retired' | 'gone' | { stays: string }> {
  const image = await glance.find(removal.imageId);
  if (image === undefined) return begun ? 'removed' : 'gone';
  const known = inventoryImage(image, removal.contentId);
  const same =
    known?.product === removal.product &&
    known.version === removal.version &&
    known.item === removal.item &&
    known.mirror === (removal.mirror ?? undefined);
  if (!same) return { stays: `${nameOf(removal)} stays: it no longer is that item` };
  if (removal.successorId !== undefined) {
    const successor = await glance.find(removal.successorId);
    if (successor?.status !== 'active') {
      return {
        stays: `${nameOf(removal)} stays: ${removal.successorId}, which has its place, is not active`,
      };
    }
  }
  if (removal.action !== 'delete') return retire(glance, image, removal.action);
  if (image.protected) return { stays: `${nameOf(removal)} stays: it is protected` };
  await glance.delete(image.id);
  return 'removed';
}

/** The mark comes first: an image that a crash leaves marked and active is retired again by the next run. */
async function retire(
  glance: Glance,
  image: GlanceImage,
  action: Exclude<Removal['action'], 'delete'>,
): Promise<'retired'> {
  // Its age counts from the first time.
  const since = image.properties[RETIRED] ?? '';
  const mark = Number.isNaN(Date.parse(since)) ? new Date().toISOString() : since;
  await glance.patch(image.id, {
    set: { [RETIRED]: mark },
    ...(action === 'hide' ? { osHidden: true } : {}),
    ...(action === 'community' ? { visibility: 'community' } : {}),
  });
  if (action === 'deactivate' && image.status === 'active') await glance.deactivate(image.id);
  return 'retired';
}

function nameOf({ name, imageId }: Removal): string {
  return `The image ${name} (${imageId})`;
}
