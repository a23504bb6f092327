import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { ImageStreamError } from '../contracts/errors.js';
import { workflowId } from '../contracts/ids.js';

/** The workflow id that a user means: an id has a slash, the name of a mirror has none. */
function runId(text: string): string {
  return text.includes('/') ? text : workflowId.syncMirror(text);
}

/** The run as the server knows it, the latest of that id unless one is named. @throws {ImageStreamError} RunNotFound */
export async function describeRun(
  client: Client,
  text: string,
  run?: string,
): Promise<WorkflowExecutionDescription> {
  const id = runId(text);
  const found = await findRun(client, id, run);
  if (found) return found;
  const which = run === undefined ? id : `${id} with the run id ${run}`;
  throw new ImageStreamError('RunNotFound', `There is no run ${which} on the Temporal server`);
}

/** gRPC's INVALID_ARGUMENT: a run id that is no UUID. */
const INVALID = 3;

export async function findRun(
  client: Client,
  id: string,
  run?: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(id, run).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    const cause: unknown = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Error && 'code' in cause && cause.code === INVALID) return undefined;
    throw error;
  }
}

export async function isRunning(client: Client, id: string): Promise<boolean> {
  return (await findRun(client, id))?.status.name === 'RUNNING';
}
