import type { Client } from '@temporalio/client';
import { TaskQueue } from '../contracts/names.js';

/** Temporal's TASK_QUEUE_TYPE_WORKFLOW. */
const WORKFLOW = 1;

/** Whether a worker asks the server for runs, or did in the last minutes: the server forgets one that is gone after about five. */
export async function hasWorker(client: Client): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: TaskQueue.main },
    taskQueueType: WORKFLOW,
  });
  return (pollers ?? []).length > 0;
}
