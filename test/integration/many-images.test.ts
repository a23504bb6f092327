import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TaskQueue, WorkflowType } from '../../contracts/names.js';
import type { SyncMirrorInput, SyncMirrorResult } from '../../contracts/workflows.js';
import type { Session } from '../../openstack/index.js';
import { Workbench } from '../support/cli.js';
import { localSession, uniqueName } from '../support/cloud.js';
import { imagesOf, leaveNoTrace } from '../support/leave-no-trace.js';
import { MirrorServer } from '../support/mirror-server.js';
import { makeSmallMirror, ubuntuProduct } from '../support/small-mirror.js';
import { startTemporalServer, type TemporalServer } from '../support/temporal-server.js';

const FULL = process.env.IMAGE_STREAM_FULL === '1';
/** The promise is for 5,000 and the server's own threshold; the usual run has fewer images and continues earlier. */
const IMAGES = FULL ? 5_000 : 300;
const CONTINUE_AFTER = FULL ? undefined : 500;
const MAX_EVENTS = 10_000;
const MAX_HISTORY_BYTES = 10 * 1024 * 1024;
const MAX_MIB = 400;
const REGION = 'RegionTwo';
const run = uniqueName('many');

let session: Session;
let temporal: TemporalServer;
let connection: Connection;
let bench: Workbench;
let server: MirrorServer;

beforeAll(async () => {
  session = await localSession();
  temporal = await startTemporalServer();
  connection = await Connection.connect({ address: temporal.address });
  bench = await Workbench.open('many');
  await makeSmallMirror(
    bench.mirrorRoot,
    Array.from({ length: IMAGES }, (_, index) => ({
      product: ubuntuProduct(`${index}.04`),
      version: '20240101',
      size: 4096,
    })),
  );
  server = await MirrorServer.start(bench.mirrorRoot);
  await bench.configure({
    clouds: [{ name: 'local', regions: [REGION], publish: 'none' }],
    mirrors: [
      {
        name: 'ubuntu',
        url: server.url,
        path: 'streams/v1/index.json',
        signature: 'skip',
        content_id: run,
        name_prefix: `${run}/`,
      },
    ],
  });
});

afterAll(async () => {
  await bench?.close();
  await server?.close();
  await connection?.close();
  await temporal?.close();
  if (!session) return;
  await leaveNoTrace(session, REGION, { contentIds: [run], container: run });
  await session.close();
});

async function residentMib(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
}

test(
  `a sync of ${IMAGES} small images keeps every history and the worker’s memory small`,
  { timeout: 3_600_000 },
  async () => {
    const worker = bench.start(['worker'], temporal.env);
    const client = new Client({ connection });
    // The configuration's digest is checked only where a caller gives it.
    const input = {
      mirror: 'ubuntu',
      waitMs: 60_000,
      ...(CONTINUE_AFTER === undefined ? {} : { continueAfterEvents: CONTINUE_AFTER }),
    } satisfies SyncMirrorInput;
    const handle = await client.workflow.start(WorkflowType.syncMirror, {
      workflowId: 'sync/ubuntu',
      taskQueue: TaskQueue.main,
      args: [input],
    });
    let peak = 0;
    let ended = false;
    const result = (handle.result() as Promise<SyncMirrorResult>).finally(() => (ended = true));
    while (!ended) {
      peak = Math.max(peak, await residentMib(worker.pid));
      await Promise.race([sleep(500), result]);
    }
    expect((await result).regions).toMatchObject([{ added: IMAGES, failureCount: 0 }]);
    expect(peak).toBeGreaterThan(50);
    expect(peak).toBeLessThan(MAX_MIB);

    const images = await imagesOf(session, REGION, run);
    expect(
      images.filter(({ status, visibility }) => status === 'active' && visibility === 'public'),
    ).toHaveLength(IMAGES);
    expect(images).toHaveLength(IMAGES);

    const histories: { id: string; events: number; bytes: number }[] = [];
    for await (const { workflowId, runId } of client.workflow.list()) {
      const { historyLength, historySize } = await client.workflow.getHandle(workflowId, runId).describe();
      histories.push({ id: workflowId, events: historyLength, bytes: historySize ?? 0 });
    }
    console.info(
      `peak memory of the worker: ${peak.toFixed(0)} MiB; histories: ${JSON.stringify(histories)}`,
    );
    expect(histories.length).toBeGreaterThan(2);
    expect(histories.every(({ bytes }) => bytes > 0)).toBe(true);
    for (const { events, bytes } of histories) {
      expect(events).toBeLessThan(MAX_EVENTS);
      expect(bytes).toBeLessThan(MAX_HISTORY_BYTES);
    }
  },
);
