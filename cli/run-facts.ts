import type { WorkflowExecutionDescription } from '@temporalio/client';
import { SearchAttribute } from '../contracts/names.js';

export type RunStatus =
  'running' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed out' | 'continued';

const STATUS: Partial<Record<WorkflowExecutionDescription['status']['name'], RunStatus>> = {
  RUNNING: 'running',
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed out',
  CONTINUED_AS_NEW: 'continued',
};

/** What the fields of a description and of a listing have in common. */
export interface RunFacts {
  run: string;
  runId: string;
  type: string;
  status: RunStatus;
  /** Names of mirror and stage; empty where the run has none. */
  mirror: string;
  stage: string;
  /** ISO 8601. */
  started: string;
  ended?: string;
  /** Milliseconds, until now for one that is running. */
  durationMs: number;
}

export function runFacts(
  run: Pick<
    WorkflowExecutionDescription,
    'workflowId' | 'runId' | 'type' | 'status' | 'startTime' | 'closeTime' | 'typedSearchAttributes'
  >,
): RunFacts {
  const { workflowId, runId, type, status, startTime, closeTime } = run;
  const attribute = (name: string): string => {
    const pair = run.typedSearchAttributes.getAll().find(({ key }) => key.name === name);
    return typeof pair?.value === 'string' ? pair.value : '';
  };
  return {
    run: workflowId,
    runId,
    type,
    status: STATUS[status.name] ?? 'running',
    mirror: attribute(SearchAttribute.Mirror) || mirrorOf(workflowId),
    stage: attribute(SearchAttribute.Stage),
    started: startTime.toISOString(),
    ...(closeTime ? { ended: closeTime.toISOString() } : {}),
    durationMs: (closeTime ?? new Date()).getTime() - startTime.getTime(),
  };
}

/** By the id where somebody's own schedule set no attribute: Temporal puts the time behind the id of a scheduled run. */
function mirrorOf(workflowId: string): string {
  const [kind, mirror = ''] = workflowId.split('/');
  return kind === 'mirror' ? mirror.replace(/-\d{4}-\d\d-\d\dT[\d:]+Z$/, '') : mirror;
}
