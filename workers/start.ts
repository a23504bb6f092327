import { Client } from '@temporalio/client';
import { NativeConnection, Worker, type NativeConnectionOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import {
  Clouds,
  Directories,
  Documents,
  MirrorSources,
  StateMarks,
  createActivities,
  type Dependencies,
} from '../activities/index.js';
import { Settings, stateFolder, type Configuration } from '../config/index.js';
import { TaskQueue, stagingQueue } from '../contracts/names.js';
import { Staging } from '../staging/index.js';
import { buildId, workflowCode } from './build-id.js';
import { openClientConnection } from './client-connection.js';
import { endRuntime } from './logging.js';

export interface WorkerSetup {
  connectionOptions: NativeConnectionOptions;
  namespace: string;
  configuration: Configuration;
  logger: Logger;
  env?: NodeJS.ProcessEnv;
  /** The staging folder, where it was opened before. */
  staging?: Staging;
  /** How long steps may go on after a shutdown before they are told to save their place. @default '5s' */
  grace?: '1s' | '5s';
}

export interface RunningWorkers {
  /** Settles when the workers have ended: after `shutdown`, or rejected when one of them failed. */
  done: Promise<void>;
  /** Takes no new work, lets what runs end or save its place, and ends. */
  shutdown(): void;
  stagingId: string;
}

/** Transfers save their place in staging, so that they need little time to end. */
const GRACE = '5s';
const FORCE = '20s';
const METADATA_SLOTS = 40;
const TRANSFER_SLOTS = 16;

/** @throws {ImageStreamError} StagingUnwritable, StagingFull */
export function openStaging({ staging: { path, budget } }: Configuration): Promise<Staging> {
  return Staging.open({ root: path, ...(budget === undefined ? {} : { budgetBytes: budget }) });
}

/**
 * The workers of one process: workflows and metadata, transfers that any host may take, and steps on files of its staging folder.
 * @throws {ImageStreamError} StagingUnwritable, StagingFull
 */
export async function startWorkers(setup: WorkerSetup): Promise<RunningWorkers> {
  const opened: (() => Promise<void>)[] = [endRuntime];
  try {
    return await openWorkers(setup, opened);
  } catch (error) {
    for (const close of opened.reverse()) await close().catch(() => undefined);
    throw error;
  }
}

/** Notes in `opened` what has to be closed should a later step fail. */
async function openWorkers(setup: WorkerSetup, opened: (() => Promise<void>)[]): Promise<RunningWorkers> {
  const { configuration, logger, namespace, connectionOptions } = setup;
  const staging = setup.staging ?? (await openStaging(configuration));
  const connection = await NativeConnection.connect(connectionOptions);
  opened.push(() => connection.close());
  const clientConnection = openClientConnection(connectionOptions);
  opened.push(() => clientConnection.close());
  const client = new Client({ connection: clientConnection.connection, namespace });
  const dependencies = createDependencies(setup, staging, client);
  const activities = createActivities(dependencies, (error) => {
    logger.error(
      { error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
      'unexpected error',
    );
  });

  const common = {
    connection,
    namespace,
    activities,
    shutdownGraceTime: setup.grace ?? GRACE,
    shutdownForceTime: FORCE,
    maxHeartbeatThrottleInterval: '2s',
  } as const;
  const workers = await Promise.all([
    Worker.create({
      ...common,
      ...workflowCode(),
      taskQueue: TaskQueue.main,
      maxConcurrentActivityTaskExecutions: METADATA_SLOTS,
      maxCachedWorkflows: 200,
    }),
    Worker.create({
      ...common,
      taskQueue: TaskQueue.transfer,
      maxConcurrentActivityTaskExecutions: TRANSFER_SLOTS,
    }),
    Worker.create({
      ...common,
      taskQueue: stagingQueue(staging.id),
      maxConcurrentActivityTaskExecutions: TRANSFER_SLOTS,
    }),
  ]);
  const shutdown = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const done = runAll(workers, shutdown).finally(async () => {
    await dependencies.clouds.close();
    await dependencies.mirrors.close();
    await clientConnection.close();
    await connection.close();
  });
  return { done, shutdown, stagingId: staging.id };
}

function createDependencies(
  { configuration, logger, env = process.env }: WorkerSetup,
  staging: Staging,
  client: Client,
): Dependencies {
  const build = buildId();
  const mirrors = new MirrorSources(build);
  return {
    configuration,
    settings: new Settings(configuration, env),
    clouds: new Clouds((warning) => logger.warn(warning), build, env),
    directories: new Directories(),
    documents: new Documents(staging, (mirror) => mirrors.of(mirror)),
    mirrors,
    staging,
    marks: new StateMarks(stateFolder(configuration, env)),
    client,
    build,
  };
}

/** One that fails takes the others with it, so that a process never works by half. */
async function runAll(workers: Worker[], shutdown: () => void): Promise<void> {
  const runs = workers.map(async (worker) => {
    try {
      await worker.run();
    } finally {
      shutdown();
    }
  });
  const results = await Promise.allSettled(runs);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
