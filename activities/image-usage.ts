import { ImageStreamError } from '../contracts/errors.js';
import type { TargetRef } from '../contracts/sync.js';
import { Nova } from '../openstack/index.js';
import type { Usage } from '../targets/retirement.js';
import type { Clouds } from './clouds.js';

export interface ImageUsage {
  usage: ReadonlyMap<string, Usage>;
  warnings: string[];
}

const UNKNOWABLE =
  'it cannot be known which images servers use, so that only Glance itself protects those that should go';
const UNKNOWN = 'it is not known which images servers use, so that none of them goes in this run';

/**
 * Which of the images servers use. Where there is no compute service, or it shows this user no servers of others, that cannot be
 * known and all count as free; where Nova is there and does not answer, it is unknown for now.
 */
export async function imageUsage(
  clouds: Pick<Clouds, 'ofTarget'>,
  target: TargetRef,
  imageIds: readonly string[],
  signal: AbortSignal,
): Promise<ImageUsage> {
  const usage = new Map<string, Usage>();
  if (imageIds.length === 0) return { usage, warnings: [] };
  const nova = new Nova(await clouds.ofTarget(target), target.region);
  try {
    for (const id of imageIds) usage.set(id, (await nova.uses(id, signal)) ? 'used' : 'free');
  } catch (error) {
    if (!(error instanceof ImageStreamError) || signal.aborted) throw error;
    if (['ServicesUnavailable', 'RegionUnknown', 'Forbidden'].includes(error.code)) {
      return { usage, warnings: [`${UNKNOWABLE}: ${error.message}`] };
    }
    const unknown = imageIds.map((id): [string, Usage] => [id, usage.get(id) ?? 'unknown']);
    return { usage: new Map(unknown), warnings: [`${UNKNOWN}: ${error.message}`] };
  }
  return { usage, warnings: [] };
}
