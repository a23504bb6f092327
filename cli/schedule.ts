import { setTimeout as sleep } from 'node:timers/promises';
import { ScheduleNotFoundError, type Client } from '@temporalio/client';
import type { Command } from 'commander';
import { unknownMirror, type Configuration } from '../config/index.js';
import { ImageStreamError } from '../contracts/errors.js';
import { workflowId } from '../contracts/ids.js';
import { configurationOf, connected, contextOf, type CommandContext, type Connected } from './context.js';
import { configuredTemporal } from './embedded/configured.js';
import { isRunning } from './run-names.js';
import { applySchedules, findSchedule, type AppliedSchedule } from './schedule-apply.js';
import { listSchedules, renderSchedules } from './schedule-list.js';

/** Milliseconds in which a triggered run shows up, usually within a tenth of a second. */
const TRIGGER_MS = 5_000;

/** The server takes a pause or a resumption with an empty note for nothing at all. */
const PAUSED = 'paused by image-stream schedule pause';

const OUTCOMES: Record<AppliedSchedule['outcome'], string> = {
  created: 'created',
  updated: 'updated',
  unchanged: 'unchanged',
  removed: 'removed, since the configuration has no such schedule',
  'left over': 'is not in the configuration and still fires; --prune removes it',
  'no schedule': 'has no `schedule` in the configuration',
};

export function registerSchedule(program: Command): void {
  const schedule = program
    .command('schedule')
    .description('let Temporal start the syncs of mirrors at their times');
  schedule
    .command('apply [mirror...]')
    .description("make the server's schedules those of the configuration")
    .option('--prune', 'remove schedules whose mirror is gone or has no schedule any more', false)
    .action(async (mirrors: string[], { prune }: { prune: boolean }, command: Command) =>
      withSchedules(contextOf(command), (context, connection) => apply(context, connection, mirrors, prune)),
    );
  schedule
    .command('list')
    .description('list the schedules, when they fired and when they will')
    .action(async (_options: unknown, command: Command) =>
      withSchedules(contextOf(command), async ({ io, json }, { client, configuration }) => {
        const schedules = await listSchedules(client, configuration);
        io.out(json ? `${JSON.stringify({ schedules }, null, 2)}\n` : renderSchedules(schedules));
      }),
    );
  schedule
    .command('pause <mirror>')
    .description('keep a schedule from firing')
    .option('--note <text>', 'why, for those who look at it', PAUSED)
    .action(async (mirror: string, { note }: { note: string }, command: Command) =>
      onOne(contextOf(command), mirror, 'paused', (handle) => handle.pause(note || PAUSED)),
    );
  schedule
    .command('resume <mirror>')
    .description('let a paused schedule fire again')
    .action(async (mirror: string, _options: unknown, command: Command) =>
      onOne(contextOf(command), mirror, 'resumed', (handle) =>
        handle.unpause('resumed by image-stream schedule resume'),
      ),
    );
  schedule
    .command('trigger <mirror>')
    .description('start a scheduled sync now')
    .action(async (mirror: string, _options: unknown, command: Command) =>
      withSchedules(contextOf(command), (context, { client }) => trigger(context, client, mirror)),
    );
  schedule
    .command('delete <mirror>')
    .description('remove a schedule; runs that it started go on')
    .action(async (mirror: string, _options: unknown, command: Command) =>
      onOne(contextOf(command), mirror, 'deleted', (handle) => handle.delete()),
    );
}

/** @throws {ImageStreamError} SchedulesNeedTemporal, ScheduleNotFound, and what the connection throws */
async function withSchedules(
  context: CommandContext,
  work: (context: CommandContext, connection: Connected) => Promise<void>,
): Promise<void> {
  await configurationOf(context);
  if (!configuredTemporal(context.io.env)) {
    throw new ImageStreamError(
      'SchedulesNeedTemporal',
      'Schedules need a Temporal server that stays up: the embedded one ends with the command, so nothing would fire',
    );
  }
  const connection = await connected(context);
  try {
    await work(context, connection);
  } finally {
    await connection.close();
  }
}

async function apply(
  { io, json }: CommandContext,
  { client, configuration }: Connected,
  names: string[],
  prune: boolean,
): Promise<void> {
  const applied = await applySchedules(client, configuration, chosen(configuration, names), prune);
  if (json) io.out(`${JSON.stringify({ schedules: applied }, null, 2)}\n`);
  else for (const { schedule, outcome } of applied) io.out(`${schedule} ${OUTCOMES[outcome]}\n`);
}

function chosen(configuration: Configuration, names: readonly string[]): readonly string[] {
  const known = configuration.mirrors.map(({ name }) => name);
  for (const name of names) if (!known.includes(name)) throw unknownMirror(configuration, name);
  return names.length > 0 ? names : known;
}

async function onOne(
  context: CommandContext,
  mirror: string,
  outcome: string,
  change: (handle: ReturnType<Client['schedule']['getHandle']>) => Promise<void>,
): Promise<void> {
  await withSchedules(context, async ({ io, json }, { client }) => {
    const schedule = workflowId.schedule(mirror);
    try {
      await change(client.schedule.getHandle(schedule));
    } catch (error) {
      throw error instanceof ScheduleNotFoundError ? notFound(schedule) : error;
    }
    io.out(json ? `${JSON.stringify({ schedule, mirror, outcome })}\n` : `${schedule} ${outcome}\n`);
  });
}

/** Under overlap SKIP a trigger beside a run succeeds and starts nothing, so that is looked at before. */
async function trigger({ io, json }: CommandContext, client: Client, mirror: string): Promise<void> {
  const schedule = workflowId.schedule(mirror);
  const before = await findSchedule(client, schedule);
  if (!before) throw notFound(schedule);
  const going =
    before.info.runningActions[0]?.workflow.workflowId ??
    ((await isRunning(client, workflowId.syncMirror(mirror))) ? workflowId.syncMirror(mirror) : undefined);
  if (going !== undefined) {
    const message = `${going} is going on, so nothing was started`;
    io.out(
      json ? `${JSON.stringify({ schedule, mirror, outcome: 'skipped', run: going })}\n` : `${message}\n`,
    );
    return;
  }
  await client.schedule.getHandle(schedule).trigger('SKIP');
  const run = await startedRun(client, schedule, before.info.numActionsTaken);
  if (json)
    io.out(`${JSON.stringify({ schedule, mirror, outcome: 'triggered', ...(run ? { run } : {}) })}\n`);
  else io.out(run ? `${run} started\n` : `${schedule} triggered; its run is not there yet\n`);
}

async function startedRun(
  client: Client,
  schedule: string,
  takenBefore: number,
): Promise<string | undefined> {
  for (const end = Date.now() + TRIGGER_MS; Date.now() < end; await sleep(100)) {
    const now = await findSchedule(client, schedule);
    if (now && now.info.numActionsTaken > takenBefore) {
      return now.info.recentActions.at(-1)?.action.workflow.workflowId;
    }
  }
  return undefined;
}

function notFound(schedule: string): ImageStreamError {
  return new ImageStreamError('ScheduleNotFound', `There is no schedule ${schedule} on the Temporal server`);
}
