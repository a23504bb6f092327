import type { Activities } from '../contracts/activities.js';
import { stagingQueue } from '../contracts/names.js';
import type { Dependencies } from './dependencies.js';

/** A worker's poll lasts up to a minute, so one not seen for longer is gone. */
const SEEN_WITHIN_MS = 75_000;
const ACTIVITY_QUEUE = 2;

/** Asks Temporal who polls the queue of a staging folder, instead of guessing it from a timeout. */
export function stagingAlive({ client }: Dependencies): Activities['stagingAlive'] {
  return async ({ stagingId }) => {
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name: stagingQueue(stagingId) },
      taskQueueType: ACTIVITY_QUEUE,
    });
    const since = Date.now() - SEEN_WITHIN_MS;
    return (pollers ?? []).some(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000 >= since);
  };
}
