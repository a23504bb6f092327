import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../../openstack/index.js';
import { Workbench } from '../support/cli.js';
import { localSession } from '../support/cloud.js';
import { offsets } from '../support/download-facts.js';
import { noteFigure, secondsSince } from '../support/figures.js';
import { CASE_MS, FULL, cases } from '../support/full.js';
import { expectInStep } from '../support/in-step.js';
import { FILE, STOPS, plantOld, untilStopped, type Stop } from '../support/stops.js';
import { startTemporalServer, type TemporalServer } from '../support/temporal-server.js';
import { MIB, VERSION, WorkerScene, killed, noble, type Running } from '../support/worker-scene.js';

const SIZE = 40 * MIB;
const LOSS = 8 * MIB;
/** Seconds that Temporal is away while a worker runs. */
const AWAY = FULL ? 120 : 20;

let session: Session;
let folder: Workbench;

beforeAll(async () => {
  session = await localSession();
  folder = await Workbench.open('temporal');
});

afterAll(async () => {
  await folder?.close();
  await session?.close();
});

/** A scene with a Temporal server of its own, whose history is in a file. */
async function open(name: string): Promise<{ scene: WorkerScene; temporal: TemporalServer }> {
  const temporal = await startTemporalServer({ database: join(folder.folder, `${name}.db`) });
  const items = [{ product: noble, version: VERSION, size: SIZE }];
  const scene = await WorkerScene.open('kill-temporal', {
    session,
    temporal,
    publish: true,
    items,
    settings: { max: 1 },
  });
  return { scene, temporal };
}

async function expectDone(scene: WorkerScene, syncing: Running): Promise<void> {
  const { code, stdout, stderr } = await syncing.finished;
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(/"added": 1,/);
  await expectInStep(scene);
}

describe.concurrent(
  'a Temporal server that is killed with SIGKILL and comes back on its database',
  { timeout: CASE_MS },
  () => {
    test(`in a download, for ${AWAY} s: worker and command wait for it, and the run ends`, async () => {
      const { scene, temporal } = await open('download');
      try {
        scene.server.faultAlways(scene.path, { kind: 'throttle', bytesPerSecond: 2 * MIB });
        const worker = await scene.worker();
        const syncing = scene.sync();
        await scene.untilServed(10 * MIB);
        await temporal.kill();
        await sleep(AWAY * 1000);
        scene.server.clearFaults();
        await temporal.restart();
        const at = Date.now();
        await expectDone(scene, syncing);
        expect(worker.exitCode).toBeNull();
        const again = scene.served() - SIZE;
        expect(again).toBeLessThanOrEqual(LOSS);
        expect(scene.glance.to('PUT', FILE)).toHaveLength(1);
        await noteFigure({ temporal: `in a download, away ${AWAY} s`, again, end: secondsSince(at) });
      } finally {
        await scene.close();
        await temporal.close();
      }
    });

    const steps: { name: string; stop: Stop; uploads?: number; usual?: boolean }[] = [
      { name: 'uploading', stop: STOPS.inUpload, uploads: 2 },
      { name: 'finalising', stop: STOPS.beforeFinalise },
      { name: 'removing', stop: STOPS.beforeRemove },
      { name: 'publishing', stop: STOPS.beforeIndex },
    ];
    for (const { name, stop, uploads = 1 } of cases(steps)) {
      test(`while ${name}: what was done meanwhile is found and not done twice`, async () => {
        const { scene, temporal } = await open(name);
        try {
          const rule = stop(scene, await plantOld(scene));
          await scene.worker();
          const syncing = scene.sync();
          await untilStopped(rule, syncing);
          await temporal.kill();
          rule.release();
          await sleep(15_000);
          await temporal.restart();
          const at = Date.now();
          await expectDone(scene, syncing);
          expect(scene.served()).toBe(SIZE);
          // The step whose answer Temporal never got may be taken again from the start.
          expect(scene.glance.to('PUT', FILE).length).toBeLessThanOrEqual(uploads);
          await noteFigure({ temporal: `while ${name}, away 15 s`, again: 0, end: secondsSince(at) });
        } finally {
          await scene.close();
          await temporal.close();
        }
      });
    }

    test.runIf(FULL)(
      'together with the worker: both come back, and the rest only is downloaded',
      async () => {
        const { scene, temporal } = await open('both');
        try {
          scene.server.fault(scene.path, { kind: 'stall', after: 20 * MIB });
          const worker = await scene.worker();
          const syncing = scene.sync();
          await scene.untilServed(20 * MIB);
          await Promise.all([temporal.kill(), killed(worker)]);
          await temporal.restart();
          const at = Date.now();
          await scene.worker();
          await expectDone(scene, syncing);
          const again = scene.served() - SIZE;
          expect(again).toBeLessThanOrEqual(LOSS);
          expect(
            offsets(scene)
              .slice(1)
              .every((offset) => offset > 0),
          ).toBe(true);
          await noteFigure({ temporal: 'and the worker, in a download', again, end: secondsSince(at) });
        } finally {
          await scene.close();
          await temporal.close();
        }
      },
    );
  },
);

describe.runIf(FULL)('a worker that is told to end', { concurrent: true, timeout: CASE_MS }, () => {
  test('in an upload: it ends in order, and the image is sent once more by the next one', async () => {
    const { scene, temporal } = await open('term-upload');
    try {
      const rule = STOPS.inUpload(scene);
      const worker = await scene.worker();
      const syncing = scene.sync();
      await untilStopped(rule, syncing);
      await expectOrderlyEnd(worker, 'in an upload');
      await scene.worker();
      await expectDone(scene, syncing);
      expect(scene.served()).toBe(SIZE);
      expect(scene.glance.to('PUT', FILE)).toHaveLength(2);
    } finally {
      await scene.close();
      await temporal.close();
    }
  });

  test('while finalising: it ends the step first', async () => {
    const { scene, temporal } = await open('term-finalise');
    try {
      const rule = STOPS.beforeFinalise(scene);
      const worker = await scene.worker();
      const syncing = scene.sync();
      await untilStopped(rule, syncing);
      const ended = expectOrderlyEnd(worker, 'while finalising');
      await sleep(1_000);
      rule.release();
      await ended;
      await scene.worker();
      await expectDone(scene, syncing);
      expect(scene.served()).toBe(SIZE);
      expect(scene.glance.to('PATCH', /./)).toHaveLength(1);
    } finally {
      await scene.close();
      await temporal.close();
    }
  });

  test('while Temporal is away: it ends all the same, and what was staged counts', async () => {
    const { scene, temporal } = await open('term-away');
    try {
      scene.server.faultAlways(scene.path, { kind: 'throttle', bytesPerSecond: MIB });
      const worker = await scene.worker();
      const syncing = scene.sync();
      await scene.untilServed(10 * MIB);
      await temporal.kill();
      await expectOrderlyEnd(worker, 'while Temporal is away');
      scene.server.clearFaults();
      await temporal.restart();
      await scene.worker();
      await expectDone(scene, syncing);
      const again = scene.served() - SIZE;
      expect(again).toBeLessThanOrEqual(LOSS);
    } finally {
      await scene.close();
      await temporal.close();
    }
  });
});

/** Grace and force time are 5 and 20 s; the rest is the machine's. */
async function expectOrderlyEnd(worker: Running, where: string): Promise<void> {
  const told = Date.now();
  worker.kill('SIGTERM');
  const { code, stderr } = await worker.finished;
  expect(Date.now() - told).toBeLessThan(45_000);
  expect(stderr).toContain('worker has ended');
  expect(code).toBe(0);
  await noteFigure({ sigterm: where, end: secondsSince(told) });
}
