import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../../openstack/index.js';
import { localSession } from '../support/cloud.js';
import { offsets, staged, untilHashing } from '../support/download-facts.js';
import { noteFigure, secondsSince } from '../support/figures.js';
import { CASE_MS, FULL, cases } from '../support/full.js';
import { expectInStep } from '../support/in-step.js';
import { FILE, STOPS, plantOld, probes, untilStopped, type Stop } from '../support/stops.js';
import { startTemporalServer, type TemporalServer } from '../support/temporal-server.js';
import { MIB, VERSION, WorkerScene, killed, noble, type Running } from '../support/worker-scene.js';

const SIZE = 64 * MIB;
/** What a crash may cost: the bytes since the last flush. */
const LOSS = 8 * MIB;

interface Step {
  name: string;
  stop: Stop;
  /** Whether the next worker has another staging folder: nothing of the image is needed from there any more. */
  elsewhere?: boolean;
  /** Times that the image's bytes may go to Glance in all; 1 unless said otherwise. */
  uploads?: number;
  usual?: boolean;
}

const STEPS: Step[] = [
  { name: 'asking whether it may upload', stop: STOPS.afterProbe },
  { name: 'making the image', stop: STOPS.afterCreate },
  { name: 'uploading', stop: STOPS.inUpload, uploads: 2, usual: true },
  { name: 'uploading, and Glance does not notice', stop: STOPS.inUploadUnnoticed, uploads: 2 },
  { name: 'waiting for the answer to the last byte', stop: STOPS.afterUpload },
  { name: 'finalising, before Glance heard of it', stop: STOPS.beforeFinalise },
  { name: 'finalising, and its host is gone', stop: STOPS.beforeFinalise, elsewhere: true },
  { name: 'finalising, after Glance did it', stop: STOPS.afterFinalise },
  { name: 'removing, before Glance heard of it', stop: STOPS.beforeRemove },
  { name: 'removing, after Glance did it, and its host is gone', stop: STOPS.afterRemove, elsewhere: true },
  { name: 'publishing, before the products document', stop: STOPS.beforeProducts, usual: true },
  { name: 'publishing, and its host is gone', stop: STOPS.beforeProducts, elsewhere: true },
  { name: 'publishing, between products document and index', stop: STOPS.beforeIndex },
  { name: 'publishing, after the index was written', stop: STOPS.afterIndex },
];

let session: Session;
let temporal: TemporalServer;

beforeAll(async () => {
  session = await localSession();
  temporal = await startTemporalServer();
});

afterAll(async () => {
  await temporal?.close();
  await session?.close();
});

function open(size: number): Promise<WorkerScene> {
  const items = [{ product: noble, version: VERSION, size }];
  return WorkerScene.open('kill', { session, temporal, publish: true, items, settings: { max: 1 } });
}

const share = (percent: number) => Math.floor((SIZE * percent) / 100);

async function expectDone(scene: WorkerScene, syncing: Running, said: RegExp): Promise<void> {
  const { code, stdout, stderr } = await syncing.finished;
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toMatch(said);
  await expectInStep(scene);
}

// Side by side, each in a namespace of its own: most of their time is waiting for what Temporal notices.
describe.concurrent('a worker that is killed with SIGKILL', { timeout: CASE_MS }, () => {
  for (const { percent } of cases([{ percent: 10 }, { percent: 50, usual: true }, { percent: 99 }])) {
    test(`at ${percent} % of a download: the next one asks for the rest only`, async () => {
      const scene = await open(SIZE);
      try {
        scene.server.fault(scene.path, { kind: 'stall', after: share(percent) });
        const first = await scene.worker();
        const syncing = scene.sync();
        await scene.untilServed(share(percent));
        await killed(first);
        const at = Date.now();
        await scene.worker();
        await scene.untilServed(share(percent) + 1);
        const seconds = secondsSince(at);
        await expectDone(scene, syncing, /"added": 1,/);
        const again = scene.served() - SIZE;
        expect(offsets(scene)).toEqual([0, share(percent) - again]);
        expect(offsets(scene)[1]).toBeGreaterThan(0);
        expect(again).toBeLessThanOrEqual(LOSS);
        await noteFigure({ killed: `at ${percent} % of a download`, again, seconds, end: secondsSince(at) });
      } finally {
        await scene.close();
      }
    });
  }

  test.runIf(FULL)('at 10, 50 and 99 % of one download: each time the rest only', async () => {
    const scene = await open(SIZE);
    try {
      const syncing = scene.sync();
      for (const percent of [10, 50, 99]) {
        const already = scene.served();
        scene.server.fault(scene.path, { kind: 'stall', after: share(percent) - already });
        const worker = await scene.worker();
        await scene.untilServed(share(percent));
        await killed(worker);
      }
      await scene.worker();
      await expectDone(scene, syncing, /"added": 1,/);
      const [first, ...later] = offsets(scene);
      expect(first).toBe(0);
      expect(later).toHaveLength(3);
      expect(later.every((offset) => offset > 0)).toBe(true);
      const again = scene.served() - SIZE;
      expect(again).toBeLessThanOrEqual(3 * LOSS);
      await noteFigure({ killed: 'at 10, 50 and 99 % of one download', again });
    } finally {
      await scene.close();
    }
  });

  test.runIf(FULL)('while hashing what it resumed: the next one hashes and downloads nothing', async () => {
    const large = 256 * MIB;
    const scene = await open(large);
    try {
      scene.server.fault(scene.path, { kind: 'stall', after: 10 * MIB });
      const first = await scene.worker();
      const syncing = scene.sync();
      await scene.untilServed(10 * MIB);
      await killed(first);
      const second = await scene.worker();
      await untilHashing(scene, second, large);
      await killed(second);
      const at = Date.now();
      expect(await staged(scene)).toEqual([`part ${large}`]);
      await scene.worker();
      await expectDone(scene, syncing, /"added": 1,/);
      expect(scene.server.to(scene.path)).toHaveLength(2);
      const again = scene.served() - large;
      expect(again).toBeLessThanOrEqual(LOSS);
      await noteFigure({ killed: 'while hashing', again, end: secondsSince(at) });
    } finally {
      await scene.close();
    }
  });

  for (const step of cases(STEPS)) {
    test(`while ${step.name}: the next one ends the run, with one image, and downloads nothing`, async () => {
      const scene = await open(20 * MIB);
      try {
        const rule = step.stop(scene, await plantOld(scene));
        const first = await scene.worker('one');
        const syncing = scene.sync();
        await untilStopped(rule, syncing);
        await killed(first);
        const at = Date.now();
        await scene.worker(step.elsewhere ? 'two' : 'one');
        await expectDone(scene, syncing, /"added": 1,[^}]*"removed": 1,/s);
        const again = scene.served() - 20 * MIB;
        expect(again).toBe(0);
        expect(scene.glance.to('PUT', FILE)).toHaveLength(step.uploads ?? 1);
        while ((await probes(scene)).length > 0) await sleep(500);
        await noteFigure({ killed: `while ${step.name}`, again, end: secondsSince(at) });
      } finally {
        await scene.close();
      }
    });
  }
});
