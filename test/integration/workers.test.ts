import { execFile, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { registerSearchAttributes } from '../../cli/embedded/search-attributes.js';
import { findTemporalCli } from '../../cli/embedded/temporal-cli.js';
import type { Session } from '../../openstack/index.js';
import { Workbench, type Finished } from '../support/cli.js';
import { localSession, uniqueName } from '../support/cloud.js';
import { imagesOf, leaveNoTrace } from '../support/leave-no-trace.js';
import { MirrorServer } from '../support/mirror-server.js';
import { makeSmallMirror, ubuntuProduct, type SmallMirror } from '../support/small-mirror.js';
import { startTemporalServer, type TemporalServer } from '../support/temporal-server.js';

const MIB = 1024 * 1024;
const SIZE = 20 * MIB;
const REGION = 'RegionOne';
const noble = ubuntuProduct('24.04');

type Running = ChildProcess & { finished: Promise<Finished> };

let session: Session;
let temporal: TemporalServer;
let connection: Connection;

/** A namespace, a mirror of one image and a configuration, all of a test's own. */
interface Scene {
  bench: Workbench;
  server: MirrorServer;
  mirror: SmallMirror;
  contentId: string;
  env: NodeJS.ProcessEnv;
  /** A worker process that is ready; `host` names a cache, and with it a staging folder, of its own. */
  worker(host: string): Promise<Running>;
  close(): Promise<void>;
}

async function openScene(
  name: string,
  options: { attributes?: boolean; schedule?: string } = {},
): Promise<Scene> {
  const contentId = uniqueName(name);
  await connection.workflowService.registerNamespace({
    namespace: contentId,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  const env = { ...temporal.env, TEMPORAL_NAMESPACE: contentId };
  if (options.attributes ?? true) await whenKnown(() => registerSearchAttributes(connection, contentId));
  const bench = await Workbench.open(name);
  const mirror = await makeSmallMirror(bench.mirrorRoot, [
    { product: noble, version: '20240101', size: SIZE },
  ]);
  const server = await MirrorServer.start(bench.mirrorRoot);
  await bench.configure({
    clouds: [{ name: 'local', regions: [REGION], publish: 'none' }],
    mirrors: [
      {
        name: 'ubuntu',
        url: server.url,
        path: 'streams/v1/index.json',
        signature: 'skip',
        content_id: contentId,
        name_prefix: `${contentId}/`,
        ...(options.schedule ? { schedule: options.schedule } : {}),
      },
    ],
  });
  return {
    bench,
    server,
    mirror,
    contentId,
    env,
    async worker(host) {
      const cache = join(bench.folder, host);
      const worker = bench.start(['worker'], { ...env, XDG_CACHE_HOME: cache });
      await untilSaid(worker, 'worker is ready');
      return worker;
    },
    async close() {
      await bench.close();
      await server.close();
      await leaveNoTrace(session, REGION, { contentIds: [contentId], container: contentId });
    },
  };
}

/** A namespace that was made just now is not known to every part of the server yet. */
async function whenKnown<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 60) throw error;
      await sleep(500);
    }
  }
}

async function untilSaid(child: Running, text: string): Promise<void> {
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(text)) resolve();
    });
    child.once('exit', () => reject(new Error(`it ended and said: ${said}`)));
  });
}

async function untilServed({ server, mirror }: Scene, bytes: number): Promise<void> {
  while (server.bytes(mirror.file(noble, '20240101')) < bytes) await sleep(50);
}

async function activeSizes({ contentId }: Scene): Promise<string[]> {
  const images = await imagesOf(session, REGION, contentId);
  return images.map(({ status, size, visibility }) => `${status} ${visibility} ${size}`);
}

beforeAll(async () => {
  session = await localSession();
  temporal = await startTemporalServer();
  connection = await Connection.connect({ address: temporal.address });
});

afterAll(async () => {
  await connection?.close();
  await temporal?.close();
  await session?.close();
});

// Side by side, each in a namespace of its own: most of their time is waiting for what Temporal notices.
describe.concurrent('a Temporal server and workers as processes of their own', () => {
  test('a worker that is told to end does so at once, and the next one goes on from its bytes', async () => {
    const scene = await openScene('graceful');
    try {
      const path = scene.mirror.file(noble, '20240101');
      scene.server.faultAlways(path, { kind: 'throttle', bytesPerSecond: MIB });
      const first = await scene.worker('cache');
      const syncing = scene.bench.start(['sync'], scene.env);
      await untilServed(scene, 5 * MIB);
      const told = Date.now();
      first.kill('SIGTERM');
      const ended = await first.finished;
      expect(Date.now() - told).toBeLessThan(30_000);
      expect(ended.code).toBe(0);
      expect(ended.stderr).toContain('worker has ended');

      scene.server.clearFaults();
      await scene.worker('cache');
      const { code, stdout, stderr } = await syncing.finished;
      expect(stderr).toBe('');
      expect(code).toBe(0);
      expect(stdout).toMatch(/1 added/);
      expect(scene.server.to(path).at(-1)?.headers.range).toMatch(/^bytes=[1-9]/);
      expect(scene.server.bytes(path)).toBeLessThan(SIZE + 8 * MIB);
      expect(await activeSizes(scene)).toEqual([`active public ${SIZE}`]);
    } finally {
      await scene.close();
    }
  });

  test('an image whose host is gone for good is staged anew by another host', async () => {
    const scene = await openScene('lost-host');
    try {
      const path = scene.mirror.file(noble, '20240101');
      scene.server.faultAlways(path, { kind: 'throttle', bytesPerSecond: 2 * MIB });
      const first = await scene.worker('one');
      const syncing = scene.bench.start(['sync'], scene.env);
      await untilServed(scene, 4 * MIB);
      await scene.worker('two');
      first.kill('SIGKILL');
      await first.finished;
      scene.server.clearFaults();
      const killed = Date.now();
      const { code, stdout, stderr } = await syncing.finished;
      expect(stderr).toBe('');
      expect(code).toBe(0);
      expect(stdout).toMatch(/1 added/);
      // Nothing of the first host's staging is to be had: the second one starts at the first byte.
      expect(scene.server.to(path).at(-1)?.headers.range).toBeUndefined();
      expect(await activeSizes(scene)).toEqual([`active public ${SIZE}`]);
      expect(Date.now() - killed).toBeLessThan(180_000);
    } finally {
      await scene.close();
    }
  });

  test('a schedule that is triggered syncs by the worker alone', async () => {
    const scene = await openScene('scheduled', { schedule: 'weekly' });
    try {
      await scene.worker('cache');
      expect((await scene.bench.run(['schedule', 'apply'], scene.env)).code).toBe(0);
      const triggered = await scene.bench.run(['schedule', 'trigger', 'ubuntu'], scene.env);
      expect(triggered.stderr).toBe('');
      expect(triggered.code).toBe(0);
      while ((await activeSizes(scene))[0] !== `active public ${SIZE}`) await sleep(500);
      const again = await scene.bench.run(['sync'], scene.env);
      expect(again.stdout).toMatch(/nothing to do, 1 image is as it should be|1 added/);
      expect(await activeSizes(scene)).toHaveLength(1);
    } finally {
      await scene.close();
    }
  });

  test('a worker without the search attributes says which command registers them, and that command does', async () => {
    const scene = await openScene('attributes', { attributes: false });
    try {
      const refused = await scene.bench.run(['worker'], scene.env);
      expect(refused.code).toBe(2);
      const [, command] = /TemporalSetup: .*`temporal (operator search-attribute create [^`]+)`/.exec(
        refused.stderr,
      ) ?? [undefined, ''];
      expect(command).toContain('--name Mirror --type Keyword');
      const { path } = await findTemporalCli();
      const words = [...(command ?? '').split(' '), '--address', temporal.address];
      await promisify(execFile)(path, words);
      const worker = await whenKnown(() => scene.worker('cache'));
      worker.kill('SIGTERM');
      expect((await worker.finished).code).toBe(0);
    } finally {
      await scene.close();
    }
  });
});
