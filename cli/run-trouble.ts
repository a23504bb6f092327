import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { readHistory } from './run-history.js';
import { findRun } from './run-names.js';
import { isRetried, pendingSteps, taskFailure, type TaskFailure } from './run-pending.js';

/** Milliseconds that the reason may take to be read. */
const READ_MS = 2_000;
/** Regions of a run that are looked at. */
const MAX_CHILDREN = 32;

/** The failure of a run's workflow code, with the reason out of its history; undefined while it goes on. */
export async function standstill(
  client: Client,
  run: WorkflowExecutionDescription,
): Promise<TaskFailure | undefined> {
  if (!taskFailure(run, [])) return undefined;
  const history = await readHistory(client, run.workflowId, run.runId, Date.now() + READ_MS);
  return taskFailure(run, history.events);
}

/** What holds up a run or its regions, in a line; empty where nothing does. The server alone knows it. */
export async function troubleOf(client: Client, workflowId: string, runId: string): Promise<string> {
  const run = await findRun(client, workflowId, runId);
  if (!run) return '';
  const children = (run.raw.pendingChildren ?? []).slice(0, MAX_CHILDREN);
  const regions = await Promise.all(
    children.map((child) => findRun(client, child.workflowId ?? '', child.runId ?? undefined)),
  );
  const runs = [run, ...regions].filter((one) => one !== undefined);
  for (const one of runs) {
    const failure = await standstill(client, one);
    if (failure) return `stands still, attempt ${failure.attempt}: ${failure.message}`;
  }
  const retried = runs.flatMap(pendingSteps).find(isRetried);
  if (!retried?.lastFailure) return '';
  const { activity, attempt, lastFailure } = retried;
  return `retrying ${activity}, attempt ${attempt}: ${lastFailure.code}: ${lastFailure.message}`;
}
