import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  TimeoutFailure,
  isCancellation,
} from '@temporalio/workflow';

export interface FailureFacts {
  code: string;
  message: string;
  hint: string;
}

/**
 * The failure under Temporal's wrappers: its code, its sentence and what to do. The cancellation of this run is thrown on, never
 * described; that of a child alone is a failure like any other.
 */
export function failureFacts(error: unknown): FailureFacts {
  if (isCancellation(error)) {
    if (CancellationScope.current().consideredCancelled) throw error;
    return { code: 'Cancelled', message: cancelled(error), hint: '' };
  }
  let step: unknown = error;
  let current: unknown = error;
  while (current instanceof Error) {
    if (current instanceof ApplicationFailure) {
      const details = current.details?.[0];
      const hint = isRecord(details) && typeof details.hint === 'string' ? details.hint : '';
      return { code: current.type ?? 'Internal', message: current.message, hint };
    }
    if (current instanceof TimeoutFailure) return timedOut(step, current);
    step = current;
    current = current.cause;
  }
  return { code: 'Internal', message: error instanceof Error ? error.message : String(error), hint: '' };
}

/** Whether an activity was not taken by any worker in time. */
export function notStarted(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof TimeoutFailure &&
    error.cause.timeoutType === 'SCHEDULE_TO_START'
  );
}

/** The same failure for a caller: final, since retries have ended below. */
export function asFailure(facts: FailureFacts): ApplicationFailure {
  return ApplicationFailure.create({
    type: facts.code,
    message: facts.message,
    nonRetryable: true,
    details: [{ hint: facts.hint }],
  });
}

function cancelled(error: unknown): string {
  if (error instanceof ChildWorkflowFailure) return `${error.execution.workflowId} was cancelled`;
  if (error instanceof ActivityFailure) return `${error.activityType} was cancelled`;
  return 'It was cancelled';
}

/** What ran out of time: the failure of its last attempt, which the SDK leaves in the message it decodes, or else the time alone. */
function timedOut(step: unknown, { failure }: TimeoutFailure): FailureFacts {
  const last = failure?.cause;
  if (last?.applicationFailureInfo?.type) {
    return { code: last.applicationFailureInfo.type, message: last.message ?? '', hint: '' };
  }
  const what =
    step instanceof ActivityFailure
      ? step.activityType
      : step instanceof ChildWorkflowFailure
        ? step.workflowType
        : 'It';
  return { code: 'TimedOut', message: `${what} took longer than it may`, hint: '' };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
