import { Option, type Command } from 'commander';
import { Settings, unknownMirror, type Configuration } from '../config/index.js';
import { ImageStreamError } from '../contracts/errors.js';
import type { SyncMirrorResult } from '../contracts/workflows.js';
import type { Staging } from '../staging/index.js';
import { buildId } from '../workers/build-id.js';
import { openStaging } from '../workers/start.js';
import { awaitResult } from './await-result.js';
import { connected, contextOf, type CommandContext, type Connected } from './context.js';
import { withOwnWorker } from './in-process-worker.js';
import { follow } from './progress/follow.js';
import { errorReport, reportError } from './report-error.js';
import { endRunsOfOtherBuilds, startOrJoin, type StartedRun } from './run-starter.js';
import { renderPlan, renderSummary } from './summary.js';
import { summaryOf } from './run-result.js';
import { whenInterrupted } from './interrupt.js';
import { hasWorker } from './worker-presence.js';

interface SyncOptions {
  dryRun: boolean;
  detach: boolean;
  wait: number;
}

export function registerSync(program: Command): void {
  program
    .command('sync [mirror...]')
    .description('bring the images of mirrors into their clouds, publish and advertise them')
    .option('--dry-run', 'show what would be done, and change nothing', false)
    .option('--detach', 'start the runs and leave them to the workers of the Temporal server', false)
    .addOption(
      new Option('--wait <seconds>', 'how long missing services or an unreachable mirror are waited for')
        .default(60)
        .argParser(parseSeconds),
    )
    .action(async (mirrors: string[], options: SyncOptions, command: Command) => {
      process.exitCode = await sync(contextOf(command), mirrors, options);
    });
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== '' && seconds >= 0 && seconds <= 604_800) return seconds;
  throw new ImageStreamError(
    'Usage',
    `--wait wants seconds, from 0 to a week, and not ${JSON.stringify(text)}`,
  );
}

async function sync(context: CommandContext, names: string[], options: SyncOptions): Promise<number> {
  const connection = await connected(context);
  try {
    const { access, configuration } = connection;
    if (options.detach && access.embedded) {
      throw new ImageStreamError(
        'SchedulesNeedTemporal',
        '--detach needs a Temporal server with workers that stay up',
      );
    }
    const settings = new Settings(configuration, context.io.env);
    const mirrors = chosen(configuration, names);
    const identities = await Promise.all(mirrors.map((name) => settings.identity(name)));
    const build = buildId();
    let staging: Staging | undefined;
    if (access.embedded) {
      await endRunsOfOtherBuilds(connection.client, build);
      // Told of before a run is started that this process could not work on.
      staging = await openStaging(configuration);
    }

    const runs: StartedRun[] = [];
    for (const [index, mirror] of mirrors.entries()) {
      const memo = { ...identities[index]!, build };
      runs.push(
        await startOrJoin(connection.client, {
          mirror,
          memo,
          waitMs: Math.round(options.wait * 1000),
          dryRun: options.dryRun,
        }),
      );
    }
    announce(context, connection, runs);
    if (!access.embedded) await warnWithoutWorker(context, connection);
    if (options.detach) return 0;
    return await withWorkers(context, connection, () => followToEnd(context, connection, runs), staging);
  } finally {
    await connection.close();
  }
}

function chosen(configuration: Configuration, names: string[]): string[] {
  const known = configuration.mirrors.map(({ name }) => name);
  for (const name of names) if (!known.includes(name)) throw unknownMirror(configuration, name);
  return names.length > 0 ? [...new Set(names)] : known;
}

function announce({ io, json }: CommandContext, { access }: Connected, runs: readonly StartedRun[]): void {
  if (json) return;
  for (const { workflowId, joined } of runs) {
    io.out(
      joined
        ? `${workflowId} is under way and is gone on with; transfers that were cut start again within 15 s\n`
        : `${workflowId} started\n`,
    );
  }
  if (access.uiUrl !== undefined) io.out(`Temporal's UI: ${access.uiUrl}\n`);
}

/** With an embedded server this process is the worker as well. */
async function withWorkers(
  context: CommandContext,
  connection: Connected,
  work: () => Promise<number>,
  staging: Staging | undefined,
): Promise<number> {
  if (connection.access.embedded) return withOwnWorker(context, connection, work, staging);
  return work();
}

async function warnWithoutWorker({ io, json }: CommandContext, { client }: Connected): Promise<void> {
  if (json || (await hasWorker(client))) return;
  io.out(
    'No worker is connected to Temporal: the run waits until `image-stream worker` is started somewhere.\n',
  );
}

async function followToEnd(
  context: CommandContext,
  { client }: Connected,
  runs: readonly StartedRun[],
): Promise<number> {
  const { io, json } = context;
  const waiting = new AbortController();
  const results = runs.map(({ workflowId }) =>
    awaitResult<SyncMirrorResult>(client, workflowId, waiting.signal),
  );
  const ended = Promise.allSettled(results);
  const interrupted = whenInterrupted();
  const following = json
    ? Promise.resolve()
    : follow(client, runs, io, Promise.race([ended, interrupted.signal]));
  const outcome = await Promise.race([ended, interrupted.signal]);
  if (outcome === 'interrupted' && !json) {
    io.out('Interrupted, ending: the same command goes on with the run; what was staged stays.\n');
  }
  waiting.abort();
  await following;
  interrupted.stop();
  if (outcome === 'interrupted') return 130;
  return report(context, runs, outcome);
}

function report(
  { io, json, options }: CommandContext,
  runs: readonly StartedRun[],
  outcomes: PromiseSettledResult<SyncMirrorResult>[],
): number {
  let exit = 0;
  const summaries: unknown[] = [];
  outcomes.forEach((outcome, index) => {
    const summary = outcome.status === 'fulfilled' ? outcome.value : summaryOf(outcome.reason);
    const error = outcome.status === 'rejected' ? errorReport(outcome.reason) : undefined;
    summaries.push({ run: runs[index]?.workflowId, ...summary, ...(error ? { error } : {}) });
    if (summary && !json) io.out(summary.plans ? renderPlan(summary) : renderSummary(summary));
    if (outcome.status === 'rejected') {
      const status = json
        ? (error?.exit ?? 1)
        : reportError(outcome.reason, io, { debug: options.debug, json });
      exit = Math.max(exit, summary ? worst(summary, status) : status);
    }
  });
  if (json) io.out(`${JSON.stringify({ runs: summaries }, null, 2)}\n`);
  return exit;
}

/** A run of which every failure is a service that was not there says so by its exit status. */
function worst(summary: SyncMirrorResult, status: number): number {
  const unavailable =
    summary.failedRegions.length > 0 && summary.failedRegions.every(({ code }) => isUnavailable(code));
  const items = summary.regions.some(({ failureCount, unstable }) => failureCount > 0 || unstable.length > 0);
  return unavailable && !items ? 69 : status;
}

function isUnavailable(code: string): boolean {
  return code === 'ServicesUnavailable' || code === 'KeystoneUnreachable';
}
