import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session } from '../../openstack/index.js';
import { localSession } from '../support/cloud.js';
import { offsets, untilHashing } from '../support/download-facts.js';
import { noteFigure, secondsSince } from '../support/figures.js';
import { CASE_MS, FULL, cases } from '../support/full.js';
import { expectInStep } from '../support/in-step.js';
import { imagesOf } from '../support/leave-no-trace.js';
import { FILE, STOPS, plantOld, untilStopped, type Stop } from '../support/stops.js';
import { startTemporalServer, type TemporalServer } from '../support/temporal-server.js';
import { MIB, REGION, VERSION, WorkerScene, killed, noble, type Running } from '../support/worker-scene.js';

const SIZE = 40 * MIB;
const LOSS = 8 * MIB;

let session: Session;
let temporal: TemporalServer;
let connection: Connection;

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

function open(size = SIZE): Promise<WorkerScene> {
  const items = [{ product: noble, version: VERSION, size }];
  return WorkerScene.open('cancel', { session, temporal, publish: true, items, settings: { max: 1 } });
}

/** The command that ends the run; resolves when the run has heard of it. */
async function cancel(scene: WorkerScene): Promise<Running> {
  const cancelling = scene.bench.start(['cancel', 'ubuntu'], scene.env);
  const run = new Client({ connection, namespace: scene.contentId }).workflow.getHandle('sync/ubuntu');
  const isAsked = async () => {
    const { events } = await run.fetchHistory();
    return (events ?? []).some((event) => event.workflowExecutionCancelRequestedEventAttributes);
  };
  while (!(await isAsked())) await sleep(200);
  return cancelling;
}

/** The run has ended as cancelled, whoever asks, and nothing that is not whole can be seen. */
async function expectCancelled(scene: WorkerScene, cancelling: Running, syncing: Running): Promise<void> {
  const { code, stdout, stderr } = await cancelling.finished;
  expect(stderr).toBe('');
  expect(stdout).toMatch(/sync\/ubuntu has ended \(cancelled\)/);
  expect(code).toBe(0);
  expect((await syncing.finished).code).toBe(1);
  for (const { status, visibility, properties } of await imagesOf(session, REGION, scene.contentId)) {
    if (status === 'active' && properties.image_stream_verified !== undefined) continue;
    expect(visibility).toBe('private');
  }
}

async function expectNextRun(scene: WorkerScene): Promise<void> {
  const { code, stderr } = await scene.sync().finished;
  expect(stderr).toBe('');
  expect(code).toBe(0);
  await expectInStep(scene);
}

// Side by side, each in a namespace of its own: most of their time is waiting for what Temporal notices.
describe.concurrent('a run that is cancelled', { timeout: CASE_MS }, () => {
  test('in a download keeps the staged bytes, and the next run asks for the rest only', async () => {
    const scene = await open();
    try {
      scene.server.fault(scene.path, { kind: 'stall', after: 20 * MIB });
      await scene.worker();
      const syncing = scene.sync();
      await scene.untilServed(20 * MIB);
      const at = Date.now();
      await expectCancelled(scene, await cancel(scene), syncing);
      const seconds = secondsSince(at);
      await expectNextRun(scene);
      const again = scene.served() - SIZE;
      expect(offsets(scene)).toEqual([0, 20 * MIB - again]);
      expect(again).toBeLessThanOrEqual(LOSS);
      await noteFigure({ cancelled: 'in a download', again, seconds });
    } finally {
      await scene.close();
    }
  });

  test.runIf(FULL)('while hashing what was resumed downloads nothing again', async () => {
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
      const at = Date.now();
      await expectCancelled(scene, await cancel(scene), syncing);
      const seconds = secondsSince(at);
      await expectNextRun(scene);
      expect(scene.server.to(scene.path)).toHaveLength(2);
      const again = scene.served() - large;
      expect(again).toBeLessThanOrEqual(LOSS);
      await noteFigure({ cancelled: 'while hashing', again, seconds });
    } finally {
      await scene.close();
    }
  });

  const stages: { name: string; stop: Stop; uploads?: number; usual?: boolean }[] = [
    { name: 'while uploading', stop: STOPS.inUpload, uploads: 2 },
    { name: 'after the last byte', stop: STOPS.afterUpload },
    { name: 'while finalising', stop: STOPS.beforeFinalise },
    { name: 'while removing', stop: STOPS.beforeRemove },
    { name: 'before the products document', stop: STOPS.beforeProducts },
    { name: 'between products document and index', stop: STOPS.beforeIndex },
  ];
  for (const { name, stop, uploads = 1 } of cases(stages)) {
    test(`${name} leaves nothing that the next run does not clean up, and downloads nothing again`, async () => {
      const scene = await open();
      try {
        const rule = stop(scene, await plantOld(scene));
        await scene.worker();
        const syncing = scene.sync();
        await untilStopped(rule, syncing);
        const at = Date.now();
        const cancelling = await cancel(scene);
        // A request that is under way is let end; an upload is cut, whether Glance takes its bytes or not.
        if (stop !== STOPS.inUpload) rule.release();
        await expectCancelled(scene, cancelling, syncing);
        const seconds = secondsSince(at);
        await expectNextRun(scene);
        expect(scene.served()).toBe(SIZE);
        expect(scene.glance.to('PUT', FILE)).toHaveLength(uploads);
        await noteFigure({ cancelled: name, again: 0, seconds });
      } finally {
        await scene.close();
      }
    });
  }
});
