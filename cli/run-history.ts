import type { Client, WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
export type HistoryEvent = NonNullable<History['events']>[number];
type Payloads = NonNullable<NonNullable<HistoryEvent['activityTaskCompletedEventAttributes']>['result']>;
export type Failure = NonNullable<NonNullable<HistoryEvent['workflowTaskFailedEventAttributes']>['failure']>;

export interface RunHistory {
  events: HistoryEvent[];
  /** False when the time was over before the end was reached. */
  whole: boolean;
  /** The run that was read: the last of a chain of continue-as-new. */
  runId: string;
}

/** Runs of one chain that are followed; each carries all that is known so far, so only the last is kept. */
const MAX_CHAIN = 50;

/** Reads a run's history from the server, for which no worker is needed, until `deadline` (ms since 1970). */
export async function readHistory(
  client: Client,
  workflowId: string,
  runId: string,
  deadline: number,
): Promise<RunHistory> {
  let current = runId;
  for (let chain = 1; ; chain += 1) {
    const history = await readRun(client, workflowId, current, deadline);
    const next = history.events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
    if (!next || chain === MAX_CHAIN) return history;
    current = next;
  }
}

async function readRun(
  client: Client,
  workflowId: string,
  runId: string,
  deadline: number,
): Promise<RunHistory> {
  const events: HistoryEvent[] = [];
  let nextPageToken: Uint8Array = new Uint8Array();
  for (;;) {
    const page = await client
      .withDeadline(deadline, () =>
        client.workflowService.getWorkflowExecutionHistory({
          namespace: client.options.namespace,
          execution: { workflowId, runId },
          nextPageToken,
        }),
      )
      .catch((error: unknown) => {
        if (Date.now() >= deadline) return undefined;
        throw error;
      });
    if (!page) return { events, whole: false, runId };
    events.push(...(page.history?.events ?? []));
    nextPageToken = page.nextPageToken;
    if (nextPageToken.length === 0) return { events, whole: true, runId };
  }
}

/** What our own workflows wrote, so of the type that the contract says; undefined where there is nothing. */
export function decoded<T>(payloads: Payloads | null | undefined): T | undefined {
  const [payload] = payloads?.payloads ?? [];
  return payload ? defaultPayloadConverter.fromPayload<T>(payload) : undefined;
}

/** Temporal's TIMEOUT_TYPE_HEARTBEAT. */
const HEARTBEAT = 4;

/** Code and sentence of the failure below Temporal's wrappers. */
export function failureOf(failure: Failure | null | undefined): { code: string; message: string } {
  let timedOut = false;
  for (let current = failure; current; current = current.cause) {
    const { applicationFailureInfo: own, message } = current;
    if (own) return { code: own.type || 'Internal', message: message ?? '' };
    if (current.canceledFailureInfo) return { code: 'Cancelled', message: 'it was cancelled' };
    if (current.terminatedFailureInfo) return { code: 'Cancelled', message: 'it was terminated' };
    if (Number(current.timeoutFailureInfo?.timeoutType) === HEARTBEAT) {
      return { code: 'TimedOut', message: 'its worker gave no sign of life any more' };
    }
    timedOut ||= current.timeoutFailureInfo != null;
  }
  return timedOut
    ? { code: 'TimedOut', message: 'it took longer than it may' }
    : { code: 'Internal', message: failure?.message ?? '' };
}

/** Events that answer others, by the event they answer. */
export function initiatorOf(event: HistoryEvent): number {
  const answered =
    event.activityTaskCompletedEventAttributes?.scheduledEventId ??
    event.activityTaskFailedEventAttributes?.scheduledEventId ??
    event.activityTaskTimedOutEventAttributes?.scheduledEventId ??
    event.activityTaskCanceledEventAttributes?.scheduledEventId ??
    event.childWorkflowExecutionCompletedEventAttributes?.initiatedEventId ??
    event.childWorkflowExecutionFailedEventAttributes?.initiatedEventId ??
    event.childWorkflowExecutionCanceledEventAttributes?.initiatedEventId ??
    event.childWorkflowExecutionTerminatedEventAttributes?.initiatedEventId ??
    event.childWorkflowExecutionTimedOutEventAttributes?.initiatedEventId ??
    event.startChildWorkflowExecutionFailedEventAttributes?.initiatedEventId;
  return Number(answered ?? 0);
}

/** The failure that an event reports; undefined for one that reports none. */
export function reportedFailure(event: HistoryEvent): { code: string; message: string } | undefined {
  const failure =
    event.activityTaskFailedEventAttributes?.failure ??
    event.activityTaskTimedOutEventAttributes?.failure ??
    event.childWorkflowExecutionFailedEventAttributes?.failure ??
    event.workflowExecutionFailedEventAttributes?.failure;
  if (failure) return failureOf(failure);
  const ended =
    event.activityTaskCanceledEventAttributes ??
    event.childWorkflowExecutionCanceledEventAttributes ??
    event.childWorkflowExecutionTerminatedEventAttributes;
  if (ended) return { code: 'Cancelled', message: 'it was cancelled' };
  return event.childWorkflowExecutionTimedOutEventAttributes
    ? { code: 'TimedOut', message: 'it took longer than it may' }
    : undefined;
}
