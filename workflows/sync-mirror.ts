import {
  ApplicationFailure,
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  executeChild,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { MirrorRun } from '../contracts/activities.js';
import { WorkflowType } from '../contracts/names.js';
import type { DocumentRef, RegionFailure, TargetRef } from '../contracts/sync.js';
import type {
  SyncMirrorInput,
  SyncMirrorResult,
  SyncRegionInput,
  SyncRegionResult,
} from '../contracts/workflows.js';
import { regionAttributes } from './attributes.js';
import { fetchDocuments } from './documents.js';
import { failureFacts } from './failures.js';
import { MirrorBook } from './mirror-book.js';
import { progressQuery } from './progress.js';
import { local, waitingSteps } from './steps.js';
import { resultOrFailure } from './sync-outcome.js';
import type { syncRegion } from './sync-region.js';

/** A mirror that changes faster than it can be read is given up after this many readings. */
const MAX_READINGS = 5;

/**
 * One mirror into all regions of its clouds. Its id is the lock; regions run side by side, so that a dead one never holds up a
 * healthy one. Ends Failed with type SyncIncomplete when anything failed, with the summary in the details.
 */
export async function syncMirror(input: SyncMirrorInput): Promise<SyncMirrorResult> {
  const { workflowId } = workflowInfo();
  const book = new MirrorBook(input.mirror);
  setHandler(progressQuery, () => book.progress());

  const mirror = await local.loadMirror({ ...input, workflowId });
  for (let reading = 1; ; reading += 1) {
    book.tell('planning', `Reading ${mirror.path} of ${input.mirror}`);
    const documents = await fetchDocuments(mirror, input.waitMs);
    book.tell('syncing', `Syncing ${mirror.clouds.join(', ')}`);
    await Promise.all(mirror.clouds.map((cloud) => syncCloud(input, mirror, cloud, documents, book)));
    if (!book.sourceMoved) break;
    if (reading === MAX_READINGS) {
      throw ApplicationFailure.nonRetryable(
        `The mirror ${input.mirror} changed ${MAX_READINGS} times while it was read`,
        'SourceMoved',
      );
    }
    book.startAgain();
  }
  book.tell('done', book.story());
  return resultOrFailure(book.result());
}

async function syncCloud(
  input: SyncMirrorInput,
  mirror: MirrorRun,
  cloud: string,
  documents: DocumentRef[],
  book: MirrorBook,
): Promise<void> {
  const { workflowId } = workflowInfo();
  try {
    const { fingerprint, regions } = await waitingSteps(input.waitMs).resolveRegions({
      run: mirror.run,
      cloud,
      parentId: workflowId,
    });
    await Promise.all(
      regions.map(async ({ region, workflowId: id }) => {
        if (book.isDone(cloud, region)) return;
        await syncOneRegion(input, mirror, { cloud, region, fingerprint }, id, documents, book);
      }),
    );
  } catch (error) {
    book.failed({ cloud, region: '', ...failureFacts(error) });
  }
}

async function syncOneRegion(
  input: SyncMirrorInput,
  mirror: MirrorRun,
  target: TargetRef,
  id: string,
  documents: DocumentRef[],
  book: MirrorBook,
): Promise<void> {
  const { cloud, region, fingerprint } = target;
  book.started({ cloud, region, workflowId: id, fingerprint });
  const args: SyncRegionInput = {
    run: mirror.run,
    target,
    documents,
    settings: mirror.settings,
    waitMs: input.waitMs,
    dryRun: input.dryRun ?? false,
  };
  try {
    const result: SyncRegionResult = await executeChild<typeof syncRegion>(WorkflowType.syncRegion, {
      workflowId: id,
      args: [args],
      typedSearchAttributes: regionAttributes(input.mirror, target),
      staticSummary: `${input.mirror} → ${cloud}/${region}${input.dryRun ? ' (dry run)' : ''}`.slice(0, 200),
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    });
    book.ended(result);
  } catch (error) {
    const failure: RegionFailure = { cloud, region, ...failureFacts(error) };
    book.failed(failure);
  }
}
