import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  executeChild,
  setHandler,
  sleep,
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
import { buildMemo, regionAttributes } from './attributes.js';
import { fetchDocuments } from './documents.js';
import { failureFacts } from './failures.js';
import { MirrorBook } from './mirror-book.js';
import { progressQuery } from './progress.js';
import { localSteps, publishRequest, waitingSteps } from './steps.js';
import { isIncomplete, resultOrFailure } from './sync-outcome.js';
import type { syncRegion } from './sync-region.js';

/** A mirror that changes faster than it can be read is given up after this many readings. */
const MAX_READINGS = 5;
/** Milliseconds that a region's run of an ended parent is given to end, and between two looks. */
const MIN_HANDOVER_MS = 120_000;
const HANDOVER_PAUSE_MS = 3_000;
/** Milliseconds that a scheduled run waits for one of several places: a dead one shall not hold up the mirror's next runs. */
const ONE_OF_SEVERAL_MS = 3_600_000;

/**
 * One mirror into all regions of its clouds. Its id is the lock; regions run side by side, so that a dead one never holds up a
 * healthy one. Ends Failed with type SyncIncomplete when anything failed, with the summary in the details.
 */
export async function syncMirror(input: SyncMirrorInput): Promise<SyncMirrorResult> {
  const { workflowId } = workflowInfo();
  const book = new MirrorBook(input.mirror);
  setHandler(progressQuery, () => book.progress());

  const mirror = await localSteps(input.mirror).loadMirror({ ...input, workflowId });
  let documents: DocumentRef[];
  for (let reading = 1; ; reading += 1) {
    book.tell('planning', `Reading ${mirror.path} of ${input.mirror}`);
    const read = await unlessMoved(fetchDocuments(mirror, input.waitMs));
    if (read) {
      documents = read;
      book.tell('waiting', `Signing in to ${mirror.clouds.join(', ')}`);
      await Promise.all(mirror.clouds.map((cloud) => syncCloud(input, mirror, cloud, read, book)));
      if (!book.sourceMoved) break;
    }
    if (reading === MAX_READINGS) {
      throw ApplicationFailure.nonRetryable(
        `The mirror ${input.mirror} changed ${MAX_READINGS} times while it was read`,
        'SourceMoved',
      );
    }
    book.startAgain();
  }
  if (input.dryRun !== true) await keepMark(mirror, book, documents);
  book.tell('done', book.story());
  return resultOrFailure(book.result());
}

/**
 * What the mirror served becomes the mark below which it has gone back; only when everything went well, so that a broken mirror which is
 * ahead of its time does not lock out the mended one.
 */
async function keepMark(mirror: MirrorRun, book: MirrorBook, documents: DocumentRef[]): Promise<void> {
  const result = book.result();
  if (isIncomplete(result) || result.regions.length === 0) return;
  const { workflowId, runId } = workflowInfo();
  const { mirror: name } = mirror.run;
  let warnings: string[];
  try {
    const requestId = `${workflowId}/${runId}`;
    const steps = publishRequest(name);
    ({ warnings } = await steps.recordSource({
      run: mirror.run,
      targets: book.targets(),
      documents,
      requestId,
    }));
  } catch (error) {
    warnings = [`the mark of the source could not be kept: ${failureFacts(error).message}`];
  }
  for (const warning of warnings) result.regions[0]?.warnings.push(warning);
}

/** Undefined when the mirror changed between two of its documents. */
async function unlessMoved<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (failureFacts(error).code === 'SourceMoved') return undefined;
    throw error;
  }
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
    const cloudWaitMs = mirror.clouds.length > 1 ? (input.waitMs ?? ONE_OF_SEVERAL_MS) : input.waitMs;
    const { fingerprint, regions } = await waitingSteps(cloudWaitMs, cloud).resolveRegions({
      run: mirror.run,
      cloud,
      parentId: workflowId,
    });
    const waitMs = regions.length > 1 ? (input.waitMs ?? ONE_OF_SEVERAL_MS) : cloudWaitMs;
    await Promise.all(
      regions.map(async ({ region, workflowId: id }) => {
        if (book.isDone(cloud, region)) return;
        await syncOneRegion(
          { ...input, waitMs },
          mirror,
          { cloud, region, fingerprint },
          id,
          documents,
          book,
        );
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
  book.tell('syncing', `Syncing ${input.mirror} into ${book.whereto()}`);
  const args: SyncRegionInput = {
    run: mirror.run,
    target,
    documents,
    settings: mirror.settings,
    waitMs: input.waitMs,
    dryRun: input.dryRun ?? false,
    ...(input.allowOlder ? { allowOlder: true } : {}),
    ...(input.continueAfterEvents === undefined ? {} : { continueAfterEvents: input.continueAfterEvents }),
    ...(input.audit ? { audit: true } : {}),
  };
  try {
    book.ended(await runRegion(input, target, id, args));
  } catch (error) {
    const failure: RegionFailure = { cloud, region, ...failureFacts(error) };
    book.failed(failure);
  }
}

/** Starts a region's run; one that an ended run left behind still holds the id, is told to end, and is waited for. */
async function runRegion(
  input: SyncMirrorInput,
  target: TargetRef,
  id: string,
  args: SyncRegionInput,
): Promise<SyncRegionResult> {
  const pauses = Math.ceil(Math.max(input.waitMs ?? 0, MIN_HANDOVER_MS) / HANDOVER_PAUSE_MS);
  for (let pause = 1; ; pause += 1) {
    try {
      return await executeRegion(input, target, id, args);
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      if (pause > pauses) {
        throw ApplicationFailure.nonRetryable(`${id} is running already and does not end`, 'Conflict');
      }
      await sleep(HANDOVER_PAUSE_MS);
    }
  }
}

function executeRegion(
  input: SyncMirrorInput,
  target: TargetRef,
  id: string,
  args: SyncRegionInput,
): Promise<SyncRegionResult> {
  return executeChild<typeof syncRegion>(WorkflowType.syncRegion, {
    workflowId: id,
    args: [args],
    memo: buildMemo(),
    typedSearchAttributes: regionAttributes(input.mirror, target),
    staticSummary:
      `${input.mirror} → ${target.cloud}/${target.region}${input.dryRun ? ' (dry run)' : ''}`.slice(0, 200),
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
}
