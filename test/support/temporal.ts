import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Info } from '@temporalio/activity';
import { defineSearchAttributeKey } from '@temporalio/common';
import { MockActivityEnvironment, TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import { findTemporalCli } from '../../cli/embedded/temporal-cli.js';
import { SearchAttribute, TaskQueue, stagingQueue } from '../../contracts/names.js';

const root = new URL('../../', import.meta.url);

/** The workflows as a worker runs them, bundled once for each state of the sources. */
export async function workflowBundle(): Promise<{ codePath: string }> {
  const hash = createHash('sha256');
  for (const folder of ['workflows', 'contracts']) {
    for (const file of (await readdir(new URL(`${folder}/`, root))).sort()) {
      hash.update(`${file}\n`).update(await readFile(new URL(`${folder}/${file}`, root)));
    }
  }
  hash.update(await readFile(new URL('package-lock.json', root)));
  const folder = join(tmpdir(), 'image-stream-test-bundles');
  const codePath = join(folder, `${hash.digest('hex').slice(0, 16)}.js`);
  if (await readFile(codePath).catch(() => undefined)) return { codePath };
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('workflows/index.ts', root)),
    logger: new DefaultLogger('WARN'),
  });
  await mkdir(folder, { recursive: true });
  await writeFile(`${codePath}.${process.pid}`, code);
  await rename(`${codePath}.${process.pid}`, codePath);
  return { codePath };
}

let quiet = false;

/** Leaves out what workers tell of themselves; once in a process, before the first of them. */
export function keepQuiet(): void {
  if (!quiet) Runtime.install({ logger: new DefaultLogger('ERROR') });
  quiet = true;
}

/** Where an activity's code can run without a server; it does not log what is meant to fail. */
export function activityEnvironment(info: Partial<Info> = {}): MockActivityEnvironment {
  return new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
}

/** A real Temporal server of its own, with our search attributes. */
export async function startTemporal(): Promise<TestWorkflowEnvironment> {
  keepQuiet();
  const { path } = await findTemporalCli();
  return TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path },
      searchAttributes: Object.values(SearchAttribute).map((name) =>
        defineSearchAttributeKey(name, 'KEYWORD'),
      ),
    },
  });
}

export interface RunningWorkers {
  /** Adds a worker of one more staging folder; the function it gives takes it away again. */
  host(stagingId: string): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

/** Workers of all queues over one set of activities, as a process of workers/start.ts has them. */
export async function startWorkers(
  env: TestWorkflowEnvironment,
  activities: object,
): Promise<RunningWorkers> {
  const connection = env.nativeConnection;
  const bundle = await workflowBundle();
  const common = { connection, activities, maxHeartbeatThrottleInterval: '1s' } as const;
  const runs = new Set<() => Promise<void>>();
  const run = (worker: Worker): (() => Promise<void>) => {
    const done = worker.run();
    const stop = async (): Promise<void> => {
      runs.delete(stop);
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await done;
    };
    runs.add(stop);
    return stop;
  };
  run(await Worker.create({ ...common, taskQueue: TaskQueue.main, workflowBundle: bundle }));
  run(await Worker.create({ ...common, taskQueue: TaskQueue.transfer }));
  return {
    host: async (stagingId) =>
      run(await Worker.create({ ...common, taskQueue: stagingQueue(stagingId), shutdownForceTime: '1s' })),
    stop: async () => {
      await Promise.all([...runs].map((stop) => stop()));
    },
  };
}
