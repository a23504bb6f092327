import { ApplicationFailure } from '@temporalio/workflow';
import { counted } from '../contracts/counted.js';
import type { RegionFailure } from '../contracts/sync.js';
import type { SyncMirrorResult } from '../contracts/workflows.js';
import { asFailure } from './failures.js';

/** Failed regions that the message names. */
const NAMED_REGIONS = 5;

/** Whether anything of a run failed, or did not stay as it was made. */
export function isIncomplete({ regions, failedRegions }: SyncMirrorResult): boolean {
  return (
    failedRegions.length > 0 ||
    regions.some(({ failureCount, unstable }) => failureCount > 0 || unstable.length > 0)
  );
}

/**
 * A run in which anything failed ends Failed: with the region's own code when the mirror has one region and nothing of it could
 * be done, else as SyncIncomplete (or NotConverging) with the summary in the details.
 */
export function resultOrFailure(result: SyncMirrorResult): SyncMirrorResult {
  const { mirror, regions, failedRegions } = result;
  const [first] = failedRegions;
  if (first !== undefined && failedRegions.length === 1 && regions.length === 0 && !result.plans?.length) {
    throw asFailure(first);
  }
  const failed = regions.reduce((sum, region) => sum + region.failureCount, 0);
  const unstable = regions.reduce((sum, region) => sum + region.unstable.length, 0);
  if (!isIncomplete(result)) return result;

  const parts = [
    failedRegions.length > 0 ? `${regionsFailed(failedRegions)} failed` : '',
    failed > 0 ? `${counted(failed, 'item')} failed` : '',
    unstable > 0
      ? unstable === 1
        ? '1 item does not stay as it was made'
        : `${unstable} items do not stay as they were made`
      : '',
  ].filter((part) => part !== '');
  const type = failedRegions.length === 0 && failed === 0 ? 'NotConverging' : 'SyncIncomplete';
  throw ApplicationFailure.create({
    type,
    message: `The sync of ${mirror} is incomplete: ${parts.join(', ')}`,
    nonRetryable: true,
    details: [{ hint: '', summary: result }],
  });
}

/** The regions by name, as long as they are few. */
function regionsFailed(regions: RegionFailure[]): string {
  const names = regions.map(({ cloud, region }) => (region === '' ? cloud : `${cloud}/${region}`));
  const rest = names.length - NAMED_REGIONS;
  return names.slice(0, NAMED_REGIONS).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
