import type { Client, ScheduleDescription } from '@temporalio/client';
import type { Configuration } from '../config/index.js';
import { workflowId } from '../contracts/ids.js';
import { formatTable, printable } from './format.js';
import { findSchedule, scheduledMirrors } from './schedule-apply.js';
import { isAsWanted, whenOf } from './schedule-spec.js';

export interface ListedSchedule {
  schedule: string;
  mirror: string;
  state: 'active' | 'paused' | 'not applied';
  /** Why it is paused. */
  note: string;
  /** Whether the server has what the configuration says. */
  asConfigured: boolean;
  when: string;
  /** ISO 8601; absent where it never fired, or will not. */
  last?: string;
  next?: string;
  /** The run it started last. */
  lastRun?: string;
}

/** Schedules of the configuration and of the server, by name. */
export async function listSchedules(client: Client, configuration: Configuration): Promise<ListedSchedule[]> {
  const configured = configuration.mirrors.filter(({ schedule }) => schedule).map(({ name }) => name);
  const mirrors = [...new Set([...configured, ...(await scheduledMirrors(client))])].sort();
  const listed: ListedSchedule[] = [];
  for (const mirror of mirrors) {
    const present = await findSchedule(client, workflowId.schedule(mirror));
    if (present || configured.includes(mirror)) listed.push(listedSchedule(mirror, configuration, present));
  }
  return listed;
}

function listedSchedule(
  mirror: string,
  { mirrors }: Configuration,
  present: ScheduleDescription | undefined,
): ListedSchedule {
  const schedule = workflowId.schedule(mirror);
  if (!present) return { schedule, mirror, state: 'not applied', note: '', asConfigured: false, when: '' };
  const settings = mirrors.find(({ name }) => name === mirror)?.schedule;
  const last = present.info.recentActions.at(-1);
  const next = present.state.paused ? undefined : present.info.nextActionTimes[0];
  return {
    schedule,
    mirror,
    state: present.state.paused ? 'paused' : 'active',
    note: present.state.note ?? '',
    asConfigured: settings !== undefined && isAsWanted(present, mirror, settings),
    when: whenOf(present.spec),
    ...(last ? { last: last.takenAt.toISOString(), lastRun: last.action.workflow.workflowId } : {}),
    ...(next ? { next: next.toISOString() } : {}),
  };
}

export function renderSchedules(schedules: readonly ListedSchedule[]): string {
  if (schedules.length === 0) return 'No schedules: neither the configuration nor the server has one.\n';
  const rows = schedules.map(({ schedule, state, note, when, last = '', next = '', asConfigured }) => [
    schedule,
    state === 'paused' && note !== '' ? `paused: ${note}` : state,
    asConfigured || state === 'not applied' ? when : `${when} (not as configured)`,
    last,
    next,
  ]);
  return formatTable(
    ['schedule', 'state', 'when', 'last', 'next'],
    rows.map((row) => row.map(printable)),
  );
}
