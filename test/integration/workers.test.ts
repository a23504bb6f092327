import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTemporalCli } from '../../cli/embedded/temporal-cli.js';
import type { Session } from '../../openstack/index.js';
import { localSession } from '../support/cloud.js';
import { imagesOf } from '../support/leave-no-trace.js';
import { startTemporalServer, type TemporalServer } from '../support/temporal-server.js';
import { MIB, REGION, WorkerScene, killed, whenKnown } from '../support/worker-scene.js';

const SIZE = 20 * MIB;

let session: Session;
let temporal: TemporalServer;

async function activeSizes({ contentId }: WorkerScene): Promise<string[]> {
  const images = await imagesOf(session, REGION, contentId);
  return images.map(({ status, size, visibility }) => `${status} ${visibility} ${size}`);
}

beforeAll(async () => {
  session = await localSession();
  temporal = await startTemporalServer();
});

afterAll(async () => {
  await temporal?.close();
  await session?.close();
});

// Side by side, each in a namespace of its own: most of their time is waiting for what Temporal notices.
describe.concurrent('a Temporal server and workers as processes of their own', () => {
  test('a worker that is told to end does so at once, and the next one goes on from its bytes', async () => {
    const scene = await WorkerScene.open('graceful', { session, temporal });
    try {
      const { path } = scene;
      scene.server.faultAlways(path, { kind: 'throttle', bytesPerSecond: MIB });
      const first = await scene.worker();
      const syncing = scene.bench.start(['sync'], scene.env);
      await scene.untilServed(5 * MIB);
      const told = Date.now();
      first.kill('SIGTERM');
      const ended = await first.finished;
      expect(Date.now() - told).toBeLessThan(30_000);
      expect(ended.code).toBe(0);
      expect(ended.stderr).toContain('worker has ended');

      scene.server.clearFaults();
      await scene.worker();
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
    const scene = await WorkerScene.open('lost-host', { session, temporal });
    try {
      const { path } = scene;
      scene.server.faultAlways(path, { kind: 'throttle', bytesPerSecond: 2 * MIB });
      const first = await scene.worker('one');
      const syncing = scene.bench.start(['sync'], scene.env);
      await scene.untilServed(4 * MIB);
      await scene.worker('two');
      await killed(first);
      scene.server.clearFaults();
      const lost = Date.now();
      const { code, stdout, stderr } = await syncing.finished;
      expect(stderr).toBe('');
      expect(code).toBe(0);
      expect(stdout).toMatch(/1 added/);
      // Nothing of the first host's staging is to be had: the second one starts at the first byte.
      expect(scene.server.to(path).at(-1)?.headers.range).toBeUndefined();
      expect(await activeSizes(scene)).toEqual([`active public ${SIZE}`]);
      expect(Date.now() - lost).toBeLessThan(180_000);
    } finally {
      await scene.close();
    }
  });

  test('a schedule that is triggered syncs by the worker alone', async () => {
    const scene = await WorkerScene.open('scheduled', {
      session,
      temporal,
      settings: { schedule: 'weekly' },
    });
    try {
      await scene.worker();
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
    const scene = await WorkerScene.open('attributes', { session, temporal, attributes: false });
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
      const worker = await whenKnown(() => scene.worker());
      worker.kill('SIGTERM');
      expect((await worker.finished).code).toBe(0);
    } finally {
      await scene.close();
    }
  });
});
