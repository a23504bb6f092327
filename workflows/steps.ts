import { ActivityCancellationType, proxyActivities, type ActivityOptions } from '@temporalio/workflow';
import type { Activities } from '../contracts/activities.js';
import { TaskQueue, stagingQueue } from '../contracts/names.js';
import type { ImageItem } from '../contracts/sync.js';

/**
 * Timeouts and retries of every step, on purpose; docs/design.md has them as a table. Which failures are final is said by the
 * failure itself (its code, contracts/error-codes.ts), so that no list of codes weighs on each event of a history.
 * A summary says in Temporal's UI what a step is about.
 */
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;
const quickRetry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' } as const;

/** Attempts that fit into a wait in milliseconds, with pauses of 1, 2, 4 … 30 s between them; null means for ever. */
function attemptsWithin(waitMs: number | null): number | undefined {
  if (waitMs === null) return undefined;
  let attempts = 1;
  let pause = 1_000;
  for (let waited = pause; waited <= waitMs; waited += pause) {
    attempts += 1;
    pause = Math.min(pause * 2, 30_000);
  }
  return attempts;
}

const quick: ActivityOptions = {
  taskQueue: TaskQueue.main,
  startToCloseTimeout: '5m',
  retry: { ...quickRetry, maximumAttempts: 10 },
  cancellationType,
};

/** Reads of the configuration and questions to Temporal: nothing outside can make them fail for long. */
export function localSteps(summary: string) {
  return proxyActivities<Pick<Activities, 'loadMirror' | 'stagingAlive'>>({
    ...quick,
    startToCloseTimeout: '30s',
    summary,
  });
}

/** Reads of the mirror's documents; a person waits as long as for services, a schedule for an hour. */
export function sourceSteps(waitMs: number | null, summary: string) {
  return proxyActivities<Pick<Activities, 'fetchIndex' | 'verifyIndex'>>({
    ...quick,
    summary,
    startToCloseTimeout: '10m',
    scheduleToCloseTimeout: waitMs === null ? '1h' : waitMs + 1_200_000,
    heartbeatTimeout: '30s',
    retry: { ...quickRetry, ...(waitMs === null ? {} : { maximumAttempts: attemptsWithin(waitMs) }) },
  });
}

/** A wait in milliseconds from which on nobody sits before it, so that a look each minute does. */
const LONG_WAIT_MS = 600_000;

/** Signing in and looking for services: by hand for `waitMs`, by schedule every minute, for ever (null) or for that long. */
export function waitingSteps(waitMs: number | null, summary: string) {
  return proxyActivities<Pick<Activities, 'resolveRegions' | 'awaitServices'>>({
    ...quick,
    summary,
    startToCloseTimeout: '2m',
    ...(waitMs === null ? {} : { scheduleToCloseTimeout: Math.max(waitMs, 1_000) + 120_000 }),
    retry:
      waitMs === null || waitMs >= LONG_WAIT_MS
        ? { initialInterval: '5s', backoffCoefficient: 2, maximumInterval: '1m' }
        : {
            initialInterval: '2s',
            backoffCoefficient: 1,
            maximumAttempts: Math.max(1, Math.floor(waitMs / 2_000) + 1),
          },
  });
}

/** Questions and changes at the cloud that move no image. */
export function cloudSteps(summary: string) {
  return proxyActivities<
    Pick<
      Activities,
      'probeRights' | 'planSync' | 'compareMetadata' | 'finaliseImage' | 'removeImages' | 'registerEndpoints'
    >
  >({ ...quick, summary, startToCloseTimeout: '10m', heartbeatTimeout: '30s' });
}

/** The writes of published documents: by the one writer of the destination. */
export function publishSteps(summary: string) {
  return proxyActivities<Pick<Activities, 'publishProducts' | 'publishIndex'>>({
    ...quick,
    summary,
    startToCloseTimeout: '10m',
    heartbeatTimeout: '30s',
  });
}

/** Waits for the writer of the destination, which may have others to serve first. */
export function publishRequest(summary: string) {
  return proxyActivities<Pick<Activities, 'requestPublish' | 'recordSource'>>({
    ...quick,
    summary,
    startToCloseTimeout: '1h',
    heartbeatTimeout: '30s',
  });
}

/** Any host with a staging folder and a free slot. */
export function claim(summary: string) {
  return proxyActivities<Pick<Activities, 'claimStaging'>>({
    summary,
    ...quick,
    taskQueue: TaskQueue.transfer,
    startToCloseTimeout: '30s',
    retry: quickRetry,
  });
}

/**
 * Transfers beat every 2 to 3 s with a timeout of 10 s, so that the next attempt starts within 15 s of a crash. Attempts are
 * not counted, since each costs only what was not flushed: the time in all is what bounds them.
 */
const transfer = (taskQueue: string, timeoutMs: number): ActivityOptions => ({
  taskQueue,
  startToCloseTimeout: timeoutMs,
  scheduleToCloseTimeout: timeoutMs,
  heartbeatTimeout: '10s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
  cancellationType,
});

/** Steps on a staged file, by the hosts that have its folder. */
export function stagedSteps(stagingId: string, timeoutMs: number, summary: string) {
  return proxyActivities<Pick<Activities, 'downloadImage' | 'verifyChecksum' | 'uploadImage'>>({
    ...transfer(stagingQueue(stagingId), timeoutMs),
    scheduleToStartTimeout: '30s',
    summary,
  });
}

/** All steps of a small item at once, by any host. */
export function smallItemStep(timeoutMs: number, summary: string) {
  return proxyActivities<Pick<Activities, 'syncSmallItem'>>({
    ...transfer(TaskQueue.transfer, timeoutMs),
    summary,
  });
}

/** What an item's steps are about. */
export function itemSummary({ product, version, item }: ImageItem): string {
  return `${product} ${version} ${item}`.slice(0, 200);
}
