import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError, isGrpcServiceError, type Client } from '@temporalio/client';
import { ImageStreamError } from '../contracts/errors.js';

/** Milliseconds that a Temporal server may be silent before its run is left alone, and between two questions. */
const SILENCE_MS = 600_000;
const PAUSE_MS = 2_000;

/** gRPC's codes of a server that is away, starting or overloaded: UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE. */
const PASSING: ReadonlySet<number> = new Set([2, 4, 8, 10, 13, 14]);

/**
 * The result of a run. A server that goes away is waited for, since the run goes on when it is back; `signal` ends the wait.
 * @throws {ImageStreamError} TemporalUnreachable, when it stays away; and whatever the run failed with
 */
export async function awaitResult<T>(client: Client, workflowId: string, signal: AbortSignal): Promise<T> {
  let silentSince: number | undefined;
  for (;;) {
    try {
      return (await client.workflow.getHandle(workflowId).result()) as T;
    } catch (error) {
      if (signal.aborted || !isPassing(error)) throw error;
      silentSince ??= performance.now();
      if (performance.now() - silentSince > SILENCE_MS) throw unreachable(workflowId, error);
      await sleep(PAUSE_MS, undefined, { signal });
      if (await answers(client)) silentSince = undefined;
    }
  }
}

function isPassing(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && PASSING.has(cause.code);
}

async function answers(client: Client): Promise<boolean> {
  try {
    await client.withDeadline(Date.now() + PAUSE_MS, () => client.workflowService.getSystemInfo({}));
    return true;
  } catch {
    return false;
  }
}

function unreachable(workflowId: string, cause: unknown): ImageStreamError {
  const message = `Temporal has not answered for ${SILENCE_MS / 60_000} minutes; ${workflowId} goes on when it is back`;
  return new ImageStreamError('TemporalUnreachable', message, { cause });
}
