import { ImageStreamError } from '../../contracts/errors.js';
import type { ItemFailure, RemoveResult, Removal } from '../../contracts/sync.js';
import { inventoryImage } from './inventory.js';
import type { Glance } from '../../openstack/index.js';

/**
 * Removes images one after the other. Each is looked at once more: one that is protected, or that no longer carries the identity it
 * was chosen for, stays. A refusal is reported and ends nothing; an abort ends it between two images. Where it was `begun` before, by an
 * attempt of which no answer came, an image that is gone was removed by that one.
 */
export async function removeImages(
  glance: Glance,
  removals: readonly Removal[],
  onEach: (done: number) => void,
  { signal, begun }: { signal: AbortSignal; begun: boolean },
): Promise<RemoveResult> {
  const failures: ItemFailure[] = [];
  let removed = 0;
  for (const [index, removal] of removals.entries()) {
    signal.throwIfAborted();
    onEach(index);
    try {
      if (await removeOne(glance, removal, begun)) removed += 1;
    } catch (error) {
      // One that something uses (409) is no reason to hold up the others; the next run asks again.
      const reported = error instanceof ImageStreamError && (!error.retryable || error.code === 'Conflict');
      if (!reported) throw error;
      failures.push(failure(removal, error));
    }
  }
  return { removed, failures };
}

async function removeOne(glance: Glance, removal: Removal, begun: boolean): Promise<boolean> {
  const image = await glance.find(removal.imageId);
  if (image === undefined) return begun;
  const known = inventoryImage(image, removal.contentId);
  const same =
    known?.product === removal.product &&
    known.version === removal.version &&
    known.item === removal.item &&
    known.mirror === (removal.mirror ?? undefined);
  if (!same) {
    throw new ImageStreamError('Forbidden', `Image ${image.id} is no longer ${removal.name} and stays`);
  }
  if (image.protected) {
    throw new ImageStreamError('Forbidden', `Image ${removal.name} (${image.id}) is protected and stays`);
  }
  await glance.delete(image.id);
  return true;
}

function failure({ key, product, version, item }: Removal, error: ImageStreamError): ItemFailure {
  return { key, product, version, item, code: error.code, message: error.message };
}
