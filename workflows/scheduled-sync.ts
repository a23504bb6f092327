import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowType } from '../contracts/names.js';
import type { ScheduledSyncInput, ScheduledSyncResult, SyncMirrorResult } from '../contracts/workflows.js';
import { mirrorAttributes, mirrorMemo } from './attributes.js';
import { localSteps } from './steps.js';
import type { syncMirror } from './sync-mirror.js';

/**
 * What a schedule starts. Its own id carries a time, so the lock is the id of the child: a sync of the same mirror that is
 * running already, whoever started it, makes this a skip that says so.
 */
export async function scheduledSync(input: ScheduledSyncInput): Promise<ScheduledSyncResult> {
  const mirror = await localSteps(input.mirror).loadMirror({
    mirror: input.mirror,
    workflowId: workflowInfo().workflowId,
  });
  try {
    const child = await startChild<typeof syncMirror>(WorkflowType.syncMirror, {
      workflowId: mirror.syncId,
      args: [{ mirror: input.mirror, configurationDigest: mirror.run.configurationDigest, waitMs: null }],
      memo: { ...mirrorMemo(mirror) },
      typedSearchAttributes: mirrorAttributes(input.mirror),
      staticSummary: `sync ${input.mirror} (scheduled)`,
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    });
    const summary: SyncMirrorResult = await child.result();
    return { outcome: 'synced', message: `${mirror.syncId} is done`, summary };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return { outcome: 'skipped', message: `${mirror.syncId} is running already` };
  }
}
