import { Settings, unknownMirror, type Configuration } from '../config/index.js';
import { ImageStreamError } from '../contracts/errors.js';
import type { SyncMirrorResult } from '../contracts/workflows.js';
import type { Staging } from '../staging/index.js';
import { buildId } from '../workers/build-id.js';
import { openStaging } from '../workers/start.js';
import { awaitResult } from './await-result.js';
import { connected, type CommandContext, type Connected } from './context.js';
import { withOwnWorker } from './in-process-worker.js';
import { whenInterrupted } from './interrupt.js';
import { follow } from './progress/follow.js';
import { endRunsOfOtherBuilds, startOrJoin, type RunKind, type StartedRun } from './run-starter.js';
import { hasWorker } from './worker-presence.js';

/** Which runs a command means, and what it does with them. */
export interface MirrorRuns {
  kind: RunKind;
  /** Milliseconds that missing services and an unreachable mirror are waited for. */
  waitMs: number;
  /** Take the mirrors also where they have gone back behind what was seen of them. */
  allowOlder?: boolean;
  /** Leave the runs to the workers of the Temporal server. */
  detach: boolean;
  /** The way to Temporal and the configuration; those of the configuration file where absent. */
  connect?: (context: CommandContext) => Promise<Connected>;
  /** Prints what came of the runs; returns the exit status. */
  report: (
    runs: readonly StartedRun[],
    outcomes: readonly PromiseSettledResult<SyncMirrorResult>[],
  ) => number;
}

/** Starts a run for each mirror, or joins it, follows them to their end, and is their worker where the server is embedded. */
export async function runMirrors(
  context: CommandContext,
  names: string[],
  wanted: MirrorRuns,
): Promise<number> {
  const connection = await (wanted.connect ?? connected)(context);
  try {
    const { access, configuration } = connection;
    if (wanted.detach && access.embedded) {
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

    const { kind, waitMs, allowOlder = false } = wanted;
    const runs: StartedRun[] = [];
    for (const [index, mirror] of mirrors.entries()) {
      const memo = { ...identities[index]!, build };
      runs.push(await startOrJoin(connection.client, { mirror, memo, waitMs, kind, allowOlder }));
    }
    announce(context, connection, runs);
    if (!access.embedded) await warnWithoutWorker(context, connection);
    if (wanted.detach) return 0;
    return await withWorkers(
      context,
      connection,
      () => followToEnd(context, connection, runs, wanted),
      staging,
    );
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
  { report }: MirrorRuns,
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
  return report(runs, outcome);
}

/** A run of which every failure is a service that was not there says so by its exit status. */
export function exitOf(summary: SyncMirrorResult, status: number): number {
  const unavailable =
    summary.failedRegions.length > 0 && summary.failedRegions.every(({ code }) => isUnavailable(code));
  const items = summary.regions.some(({ failureCount, unstable }) => failureCount > 0 || unstable.length > 0);
  return unavailable && !items ? 69 : status;
}

function isUnavailable(code: string): boolean {
  return code === 'ServicesUnavailable' || code === 'KeystoneUnreachable';
}
