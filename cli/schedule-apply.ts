import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type Client,
  type ScheduleDescription,
} from '@temporalio/client';
import type { Configuration } from '../config/index.js';
import { workflowId } from '../contracts/ids.js';
import { isAsWanted, mirrorOfSchedule, wantedSchedule } from './schedule-spec.js';

export interface AppliedSchedule {
  schedule: string;
  mirror: string;
  outcome: 'created' | 'updated' | 'unchanged' | 'removed' | 'left over' | 'no schedule';
}

/** The schedule as the server has it; undefined where there is none. */
export async function findSchedule(client: Client, id: string): Promise<ScheduleDescription | undefined> {
  try {
    return await client.schedule.getHandle(id).describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

/**
 * Makes the schedules of mirrors as the configuration has them, whatever was there; a paused one stays paused. Schedules whose
 * mirror is gone, or has no `schedule` any more, are named as left over, or removed with `prune`.
 */
export async function applySchedules(
  client: Client,
  configuration: Configuration,
  mirrors: readonly string[],
  prune: boolean,
): Promise<AppliedSchedule[]> {
  const applied: AppliedSchedule[] = [];
  for (const { name, schedule } of configuration.mirrors) {
    if (!mirrors.includes(name)) continue;
    const outcome = schedule ? await applyOne(client, name, schedule) : 'no schedule';
    applied.push({ schedule: workflowId.schedule(name), mirror: name, outcome });
  }
  for (const mirror of await leftOver(client, configuration)) {
    const schedule = workflowId.schedule(mirror);
    if (prune) await client.schedule.getHandle(schedule).delete();
    const outcome = prune ? 'removed' : 'left over';
    const known = applied.find((one) => one.mirror === mirror);
    if (known) known.outcome = outcome;
    else applied.push({ schedule, mirror, outcome });
  }
  return applied;
}

async function applyOne(
  client: Client,
  mirror: string,
  settings: NonNullable<Configuration['mirrors'][number]['schedule']>,
): Promise<'created' | 'updated' | 'unchanged'> {
  const wanted = wantedSchedule(mirror, settings);
  const present = await findSchedule(client, wanted.scheduleId);
  if (present && isAsWanted(present, mirror, settings)) return 'unchanged';
  if (!present) {
    try {
      await client.schedule.create(wanted);
      return 'created';
    } catch (error) {
      // Another apply was faster: what it made is looked at like any other.
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    }
  }
  const { spec, action, policies, typedSearchAttributes } = wanted;
  await client.schedule.getHandle(wanted.scheduleId).update(({ state }) => ({
    spec,
    action,
    policies,
    typedSearchAttributes,
    state,
  }));
  return 'updated';
}

/** Mirrors of schedules that the configuration does not have; the server's list may lag by a moment. */
async function leftOver(client: Client, { mirrors }: Configuration): Promise<string[]> {
  const wanted = new Set(mirrors.filter(({ schedule }) => schedule).map(({ name }) => name));
  return (await scheduledMirrors(client)).filter((mirror) => !wanted.has(mirror));
}

/** The mirrors that have a schedule on the server. */
export async function scheduledMirrors(client: Client): Promise<string[]> {
  const found: string[] = [];
  for await (const { scheduleId, action } of client.schedule.list()) {
    const mirror = mirrorOfSchedule(scheduleId, action?.workflowType);
    if (mirror !== undefined) found.push(mirror);
  }
  return found.sort();
}
