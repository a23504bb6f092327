import { isDeepStrictEqual } from 'node:util';
import type { ScheduleDescription, ScheduleOptions } from '@temporalio/client';
import { TypedSearchAttributes, defineSearchAttributeKey } from '@temporalio/common';
import type { ScheduleSettings } from '../config/index.js';
import { formatDuration } from '../config/units.js';
import { workflowId } from '../contracts/ids.js';
import { SearchAttribute, TaskQueue, WorkflowType } from '../contracts/names.js';
import type { ScheduledSyncInput } from '../contracts/workflows.js';

/**
 * How long after its time a run is still started when the server was away. Temporal's own default is a year. Overlap SKIP makes
 * one run of all that were missed, so a day costs nothing and no daily or weekly run is lost to an hour's outage.
 */
const CATCHUP_MS = 24 * 3600e3;

const PREFIX = workflowId.schedule('x').slice(0, -1);

/** The schedule of a mirror as Temporal shall have it. */
export function wantedSchedule(mirror: string, settings: ScheduleSettings) {
  const id = workflowId.schedule(mirror);
  const attributes = new TypedSearchAttributes([
    { key: defineSearchAttributeKey(SearchAttribute.Mirror, 'KEYWORD'), value: mirror },
  ]);
  const input: ScheduledSyncInput = { mirror };
  return {
    scheduleId: id,
    spec: {
      // The server keeps a cron text as the calendar it means; the comment keeps the text itself, for people and for comparing.
      ...(settings.cron === undefined
        ? { intervals: [{ every: settings.everyMs }] }
        : { cronExpressions: [`${settings.cron} # ${settings.cron}`] }),
      jitter: settings.jitterMs,
      timezone: settings.timezone,
    },
    action: {
      type: 'startWorkflow' as const,
      workflowType: WorkflowType.scheduledSync,
      workflowId: id,
      taskQueue: TaskQueue.main,
      args: [input],
      typedSearchAttributes: attributes,
      staticSummary: `sync ${mirror} by schedule`.slice(0, 200),
    },
    policies: { overlap: 'SKIP' as const, catchupWindow: CATCHUP_MS, pauseOnFailure: false },
    typedSearchAttributes: attributes,
  } satisfies ScheduleOptions;
}

/** Whether the server has the schedule as it is wanted; being paused is the operator's own matter. */
export function isAsWanted(
  { spec, action, policies }: Pick<ScheduleDescription, 'spec' | 'action' | 'policies'>,
  mirror: string,
  settings: ScheduleSettings,
): boolean {
  const wanted = wantedSchedule(mirror, settings);
  const { workflowType, workflowId: id, taskQueue, args, staticSummary } = wanted.action;
  const facts = [
    (spec.calendars ?? []).map(({ comment }) => comment ?? ''),
    (spec.intervals ?? []).map(({ every, offset }) => [every, offset ?? 0]),
    spec.skip?.length ?? 0,
    spec.startAt !== undefined || spec.endAt !== undefined,
    spec.jitter ?? 0,
    spec.timezone || 'UTC',
    [action.workflowType, action.workflowId, action.taskQueue, action.args, action.staticSummary],
    [policies.overlap, policies.catchupWindow, policies.pauseOnFailure],
  ];
  const meant = [
    settings.cron === undefined ? [] : [settings.cron],
    settings.cron === undefined ? [[settings.everyMs, 0]] : [],
    0,
    false,
    settings.jitterMs,
    settings.timezone,
    [workflowType, id, taskQueue, args, staticSummary],
    [wanted.policies.overlap, wanted.policies.catchupWindow, wanted.policies.pauseOnFailure],
  ];
  return isDeepStrictEqual(facts, meant);
}

/** When a schedule fires, for people. */
export function whenOf({
  calendars = [],
  intervals = [],
  jitter = 0,
  timezone,
}: ScheduleDescription['spec']): string {
  const times = [
    ...calendars.map(({ comment }) => `at ${comment || 'calendar times'} (${timezone || 'UTC'})`),
    ...intervals.map(({ every }) => `every ${formatDuration(every)}`),
  ];
  const spread = jitter > 0 ? `, spread over ${formatDuration(jitter)}` : '';
  return `${times.join(' and ') || 'never'}${spread}`;
}

/** The mirror of a schedule of the server; undefined for one that `schedule apply` did not make. */
export function mirrorOfSchedule(id: string, workflowType: string | undefined): string | undefined {
  if (workflowType !== WorkflowType.scheduledSync || !id.startsWith(PREFIX)) return undefined;
  return id.slice(PREFIX.length);
}
