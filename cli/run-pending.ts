import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { z } from 'zod';
import { workflowId as ids } from '../contracts/ids.js';
import { findRun } from './run-names.js';
import { failureOf, type HistoryEvent } from './run-history.js';

/** A step that is waiting for a worker, being taken, or waiting for its next attempt. */
export interface PendingStep {
  /** Workflow id of the run that asked for it. */
  run: string;
  activity: string;
  attempt: number;
  lastFailure?: { code: string; message: string };
  /** When the next attempt may start, ISO 8601; absent while an attempt runs. */
  nextAttempt?: string;
  /** What it said last of itself: bytes, unless the stage is one of counting. */
  beat?: { stage: string; offset: number; total: number };
  /** Workflow id of the writer of published metadata that it waits for. */
  writer?: string;
}

/** Workflow code that fails again and again, such as that of another build: the run stands still. */
export interface TaskFailure {
  run: string;
  attempt: number;
  message: string;
}

const beatSchema = z.object({ stage: z.string(), offset: z.number(), total: z.number() });
const waitSchema = z.object({ stage: z.literal('publish'), destination: z.string() });

type Described = Pick<WorkflowExecutionDescription, 'workflowId' | 'raw'>;

export function pendingSteps({ workflowId, raw }: Described): PendingStep[] {
  return (raw.pendingActivities ?? []).map((activity) => {
    const payload = activity.heartbeatDetails?.payloads?.[0];
    const said: unknown = payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
    const beat = beatSchema.safeParse(said).data;
    const waited = waitSchema.safeParse(said).data;
    const next = activity.nextAttemptScheduleTime;
    return {
      run: workflowId,
      activity: activity.activityType?.name ?? '',
      attempt: activity.attempt ?? 1,
      ...(activity.lastFailure ? { lastFailure: failureOf(activity.lastFailure) } : {}),
      ...(next ? { nextAttempt: new Date(Number(next.seconds) * 1000).toISOString() } : {}),
      ...(beat ? { beat } : {}),
      ...(waited ? { writer: ids.publishStreams(waited.destination) } : {}),
    };
  });
}

/** Steps of the writers that others of these steps wait for: what holds up a region is told there. */
export async function writerSteps(client: Client, steps: readonly PendingStep[]): Promise<PendingStep[]> {
  const writers = [...new Set(steps.flatMap(({ writer }) => writer ?? []))];
  const described = await Promise.all(writers.map((id) => findRun(client, id).catch(() => undefined)));
  return described.flatMap((run) => (run ? pendingSteps(run) : []));
}

/** Whether an attempt of it has failed already. */
export function isRetried({ attempt, lastFailure }: PendingStep): boolean {
  return attempt > 1 && lastFailure !== undefined;
}

/** Only the first of a row of failed workflow tasks is in the history; how many they are, the description says. */
export function taskFailure(
  { workflowId, raw }: Described,
  events: readonly HistoryEvent[],
): TaskFailure | undefined {
  const attempt = raw.pendingWorkflowTask?.attempt ?? 1;
  if (attempt <= 1) return undefined;
  const last = events.findLast(({ workflowTaskFailedEventAttributes }) => workflowTaskFailedEventAttributes);
  const message = last?.workflowTaskFailedEventAttributes?.failure?.message;
  return { run: workflowId, attempt, message: message ?? 'no worker finished it in time' };
}
