import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { wantedSchedule } from '../../cli/schedule-spec.js';
import { Glance, Swift, type Session } from '../../openstack/index.js';
import { localSession, uniqueName } from '../support/cloud.js';
import { Workbench, type Finished } from '../support/cli.js';
import { MirrorServer } from '../support/mirror-server.js';
import { makeSmallMirror, ubuntuProduct, type SmallMirror } from '../support/small-mirror.js';
import { startTemporalServer, type TemporalServer } from '../support/temporal-server.js';

const MIB = 1024 * 1024;
const contentId = uniqueName('runs.test');
const container = uniqueName('runs-test');
const noble = ubuntuProduct('24.04');
const jammy = ubuntuProduct('22.04');
const big = { product: noble, version: '20240201', size: 20 * MIB };
const small = { product: jammy, version: '20240115', size: 300_000 };

let session: Session;
let glance: Glance;
let bench: Workbench;
let mirror: SmallMirror;
let server: MirrorServer;

beforeAll(async () => {
  session = await localSession();
  glance = new Glance(session, 'RegionOne');
  bench = await Workbench.open('runs');
  mirror = await makeSmallMirror(bench.mirrorRoot, [big, small]);
  server = await MirrorServer.start(mirror.root);
  await configure();
});

afterAll(async () => {
  await bench?.close();
  await server?.close();
  if (!session) return;
  for await (const { id } of glance.list({ properties: { content_id: contentId } })) await glance.delete(id);
  const swift = new Swift(session, 'RegionOne');
  for await (const { name } of swift.list(container)) await swift.delete(container, name);
  await swift.deleteContainer(container);
  await session.close();
});

/** The mirrors of the configuration, one unless told otherwise. */
async function configure(names: Record<string, unknown> = { ubuntu: '0 3 * * 1-5' }): Promise<void> {
  await bench.configure({
    clouds: [
      {
        name: 'local',
        regions: ['RegionOne'],
        publish: { to: 'swift', container, prefix: 'data/' },
        advertise: false,
      },
    ],
    mirrors: Object.entries(names).map(([name, schedule]) => ({
      name,
      url: server.url,
      path: mirror.indexPath,
      signature: 'skip',
      max: 1,
      content_id: name === 'ubuntu' ? contentId : `${contentId}.${name}`,
      name_prefix: `${contentId}/`,
      visibility: 'private',
      ...(schedule === undefined ? {} : { schedule }),
    })),
  });
}

function good({ code, stdout, stderr }: Finished): string {
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

async function json<T>(args: string[], env: NodeJS.ProcessEnv = {}): Promise<T> {
  return JSON.parse(good(await bench.run(['--output', 'json', ...args], env))) as T;
}

describe('with the embedded server', () => {
  test('without a run there is nothing to list, show or cancel', async () => {
    expect(good(await bench.run(['runs']))).toBe('No runs.\n');
    for (const command of ['show', 'cancel']) {
      const { code, stderr } = await bench.run([command, 'ubuntu']);
      expect(stderr).toMatch(/^RunNotFound: There is no run sync\/ubuntu .*\n$/);
      expect(code).toBe(2);
    }
  });

  test('schedules are refused, since nothing would fire', async () => {
    for (const words of [['apply'], ['list'], ['trigger', 'ubuntu']]) {
      const { code, stderr } = await bench.run(['schedule', ...words]);
      expect(stderr).toMatch(/^SchedulesNeedTemporal: .*\n$/);
      expect(code).toBe(2);
    }
  });

  test('after kill -9 of the command, show and runs answer from the history, and cancel ends the run', async () => {
    const file = mirror.file(noble, '20240201');
    server.fault(file, { kind: 'status', status: 503 });
    server.faultAlways(file, { kind: 'throttle', bytesPerSecond: MIB / 2 });
    const sync = bench.start(['sync']);
    let log = '';
    sync.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    // Long enough for some beats, which come every 2 s.
    await vi.waitFor(
      () =>
        expect(log).toMatch(
          /^ubuntu local\/RegionOne: syncing, 1 of 2 images, ([3-9]|1\d)\.\d MiB of 20\.3 MiB downloaded, 293\.0 KiB uploaded$/m,
        ),
      { timeout: 90_000, interval: 100 },
    );
    sync.kill('SIGKILL');
    await sync.finished;
    expect(log).toMatch(
      /^ubuntu local\/RegionOne: retrying downloadImage of \S+, attempt 2: MirrorError: .* 503/m,
    );

    const shown = good(await bench.run(['show', 'ubuntu']));
    expect(shown).toContain('sync/ubuntu: running, syncing');
    expect(shown).toContain('No worker answered within 2 s');
    expect(shown).toMatch(/local\/RegionOne: syncing, 1 of 2 images, .* of 20\.\d MiB/);
    expect(shown).toMatch(/active: .*24\.04.* download \d+\.\d MiB of 20\.0 MiB/);
    expect(shown).toMatch(
      /pending: downloadImage at \d+ of 20971520 of image\/local\/RegionOne\/.*, attempt \d+; the last one failed: (MirrorError|TimedOut): /,
    );

    const { runs } = await json<{ runs: { run: string; status: string; stage: string }[] }>([
      'runs',
      '--mirror',
      'ubuntu',
      '--status',
      'running',
    ]);
    expect(runs).toMatchObject([{ run: 'sync/ubuntu', status: 'running', stage: 'syncing' }]);

    expect(good(await bench.run(['cancel', 'ubuntu']))).toMatch(
      /^sync\/ubuntu has ended \(cancelled\)\. What was staged stays, .*: \d+\.\d MiB in .*staging\.\n$/,
    );
    const again = await bench.run(['cancel', 'sync/ubuntu']);
    expect(again.stderr).toMatch(/^RunNotFound: sync\/ubuntu is not running: its last run is cancelled\./);
    expect(again.code).toBe(2);
    server.clearFaults();
  });

  test('a finished run is listed with its counts, newest first, and shown by region', async () => {
    good(await bench.run(['sync']));
    const { runs } = await json<{ runs: { status: string; result: string; runId: string }[] }>(['runs']);
    expect(runs.map(({ status }) => status)).toEqual(['completed', 'cancelled']);
    // The small image came before the run that was cancelled was killed.
    expect(runs[0]?.result).toBe('1 added (20.0 MiB), 0 removed, 1 unchanged');
    expect(runs[1]?.result).toBe('Cancelled: The run was cancelled');
    const shown = good(await bench.run(['show', 'sync/ubuntu']));
    expect(shown).toMatch(/^sync\/ubuntu: completed\n/);
    expect(shown).toContain('ubuntu → local/RegionOne: 1 added (20.0 MiB), 0 removed, 1 unchanged\n');
    const former = await json<{ status: string; regions: { summary: { added: number } }[] }>([
      'show',
      'ubuntu',
      '--run-id',
      runs[1]?.runId ?? '',
    ]);
    expect(former.status).toBe('cancelled');
    expect(former.regions.map(({ summary }) => summary.added)).toEqual([1]);
  });

  test('images lists what the mirror holds, straight from Glance', async () => {
    const { images, problems } = await json<{
      images: { id: string; mirror: string; product: string; size: number }[];
      problems: unknown[];
    }>(['images', '--mirror', 'ubuntu', '--region', 'RegionOne']);
    expect(problems).toEqual([]);
    expect(images).toMatchObject([
      { product: jammy, mirror: 'ubuntu', size: 300_000, status: 'active', visibility: 'private' },
      { product: noble, mirror: 'ubuntu', size: 20 * MIB, version: '20240201', item: 'disk1.img' },
    ]);
    expect((await glance.get(images[0]?.id ?? '')).properties.product_name).toBe(jammy);
    const { code, stderr, stdout } = await bench.run(['images', '--region', 'Nowhere']);
    expect(stdout).toBe('');
    expect(stderr).toMatch(
      /^RegionUnknown: local: The cloud local has no region Nowhere; it has RegionOne.*\n$/,
    );
    expect(code).toBe(2);
  });

  test('an image of another tool is listed as adopted', async () => {
    const { id } = await glance.create({
      name: 'by another tool',
      diskFormat: 'qcow2',
      containerFormat: 'bare',
      visibility: 'private',
      properties: {
        content_id: contentId,
        source_content_id: mirror.contentId,
        product_name: 'com.example:other',
        version_name: '1',
        item_name: 'disk1.img',
      },
    });
    try {
      const stdout = good(await bench.run(['images']));
      expect(stdout).toMatch(
        new RegExp(`${id} +by another tool +queued +private +com.example:other .* - +adopted\\n`),
      );
    } finally {
      await glance.delete(id);
    }
  });

  test('config check names the clouds.yaml entry of each cloud, without its password', async () => {
    const stdout = good(await bench.run(['config', 'check']));
    expect(stdout).toMatch(
      /local is the entry local of .*clouds\.yaml: http:\/\/127\.0\.0\.1:\d+\S* as image-stream/,
    );
    expect(stdout).toContain('warning: Mirror ubuntu takes unsigned documents');
    const { clouds } = await json<{ clouds: { entry: Record<string, unknown> }[] }>(['config', 'check']);
    expect(clouds[0]?.entry).toMatchObject({ name: 'local', auth: 'password', user: 'image-stream' });
    expect(JSON.stringify(clouds)).not.toMatch(/"password":/);
    const { code, stderr } = await bench.run(['config', 'check'], {
      OS_CLIENT_CONFIG_FILE: '/nowhere/clouds.yaml',
    });
    expect(stderr).toMatch(/^UnknownCloud: .*\n$/);
    expect(code).toBe(2);
  });

  test('a run in which an image failed says which and why', async () => {
    await rm(join(bench.folder, 'mirror', mirror.file(jammy, '20240115')));
    for await (const { id } of glance.list({ properties: { content_id: contentId, product_name: jammy } })) {
      await glance.delete(id);
    }
    await rm(bench.staging, { recursive: true });
    expect((await bench.run(['sync'])).code).toBe(1);
    const shown = good(await bench.run(['show', 'ubuntu']));
    expect(shown).toMatch(/^sync\/ubuntu: failed\n/);
    expect(shown).toMatch(/failed: com.ubuntu.cloud:server:22.04:amd64 20240115 disk1.img: MirrorNotFound: /);
    expect(shown).toMatch(/\nSyncIncomplete: The sync of ubuntu is incomplete: 1 item failed\./);
    const { runs } = await json<{ runs: { result: string }[] }>([
      'runs',
      '--status',
      'failed',
      '--limit',
      '1',
    ]);
    expect(runs[0]?.result).toBe('SyncIncomplete: The sync of ubuntu is incomplete: 1 item failed');
  });
});

describe('with a Temporal server that stays up', () => {
  let temporal: TemporalServer;
  let connection: Connection;
  let client: Client;
  const schedule = async (...words: string[]) => bench.run(['schedule', ...words], temporal.env);
  const scheduledRuns = async () => {
    const { runs } = await json<{ runs: { run: string; type: string; status: string; result: string }[] }>(
      ['runs', '--mirror', 'ubuntu', '--limit', '100'],
      temporal.env,
    );
    return runs.filter(({ type }) => type === 'scheduledSync');
  };

  beforeAll(async () => {
    temporal = await startTemporalServer();
    connection = await Connection.connect({ address: temporal.address });
    client = new Client({ connection });
    mirror = await makeSmallMirror(bench.mirrorRoot, [small]);
  });

  afterAll(async () => {
    await connection?.close();
    await temporal?.close();
  });

  test('without a worker nothing hangs: each command says that one is missing', async () => {
    const missing = 'No worker is connected to Temporal';
    const detached = good(await bench.run(['sync', '--detach'], temporal.env));
    expect(detached).toContain('sync/ubuntu started\n');
    expect(detached).toContain(missing);
    try {
      const joined = bench.start(['sync'], temporal.env);
      let log = '';
      joined.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()));
      await vi.waitFor(() => expect(log).toContain('No worker answers; the run waits for one'), {
        timeout: 90_000,
        interval: 200,
      });
      joined.kill('SIGINT');
      expect((await joined.finished).code).toBe(130);
      expect(log).toContain('sync/ubuntu is under way');

      const { runs } = await json<{ runs: { run: string }[] }>(['runs', '--status', 'running'], temporal.env);
      expect(runs).toMatchObject([{ run: 'sync/ubuntu', result: '' }]);
      const { stderr, code } = await bench.run(['cancel', 'ubuntu'], temporal.env);
      expect(stderr).toMatch(
        /^CancelPending: sync\/ubuntu is asked to end, and no worker is connected to Temporal .*\n$/,
      );
      expect(code).toBe(1);
    } finally {
      await client.workflow.getHandle('sync/ubuntu').terminate();
    }
    const worker = await bench.run(['worker'], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect(worker.stderr).toMatch(/^TemporalUnreachable: .*\n$/);
    expect(worker.code).toBe(69);
  });

  test('apply creates a schedule once, mends one that was changed by hand, and leaves a paused one paused', async () => {
    expect(good(await schedule('apply'))).toBe('mirror/ubuntu created\n');
    expect(good(await schedule('apply'))).toBe('mirror/ubuntu unchanged\n');
    expect(good(await schedule('list'))).toMatch(/mirror\/ubuntu +active +at 0 3 \* \* 1-5 \(UTC\) +\d{4}-/);

    expect(good(await schedule('pause', 'ubuntu', '--note', 'the mirror moves'))).toBe(
      'mirror/ubuntu paused\n',
    );
    await client.schedule.getHandle('mirror/ubuntu').update((now) => ({
      ...now,
      spec: { intervals: [{ every: '2s' }] },
    }));
    expect(good(await schedule('list'))).toMatch(/paused: the mirror moves +every 2s \(not as configured\)/);
    expect(good(await schedule('apply', 'ubuntu'))).toBe('mirror/ubuntu updated\n');
    expect(good(await schedule('list'))).toMatch(/paused: the mirror moves +at 0 3 \* \* 1-5 \(UTC\)\n/);
    expect(good(await schedule('apply'))).toBe('mirror/ubuntu unchanged\n');
    expect(good(await schedule('resume', 'ubuntu'))).toBe('mirror/ubuntu resumed\n');
  });

  test('a schedule whose mirror is gone is named, and removed with --prune', async () => {
    await client.schedule.create(wantedSchedule('gone', { everyMs: 3600e3, jitterMs: 0, timezone: 'UTC' }));
    await vi.waitFor(async () => expect(good(await schedule('list'))).toContain('mirror/gone'), {
      timeout: 10_000,
    });
    expect(good(await schedule('apply'))).toContain(
      'mirror/gone is not in the configuration and still fires',
    );
    expect(good(await schedule('apply', '--prune'))).toContain('mirror/gone removed');
    await vi.waitFor(async () => expect(good(await schedule('apply'))).not.toContain('gone'), {
      timeout: 10_000,
    });
  });

  test('a trigger starts a run that waits for a worker, and a second one says that it is going on', async () => {
    const started = good(await schedule('trigger', 'ubuntu'));
    expect(started).toMatch(/^mirror\/ubuntu-\d{4}-\d\d-\d\dT[\d:]+Z started\n$/);
    const run = started.split(' ')[0] ?? '';
    expect(good(await schedule('trigger', 'ubuntu'))).toBe(`${run} is going on, so nothing was started\n`);

    const shown = good(await bench.run(['show', run], temporal.env));
    expect(shown).toContain(`${run}: running`);

    const { stderr, code } = await bench.run(['cancel', run, '--no-wait'], temporal.env);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  });

  test('a run whose workflow code fails again and again stands still, and show and runs say why', async () => {
    const handle = await client.workflow.start('workflowOfAnotherBuild', {
      workflowId: 'sync/other-build',
      taskQueue: 'image-stream',
    });
    // Without its input the code fails as one of another build might.
    const broken = await client.workflow.start('syncMirror', {
      workflowId: 'sync/broken',
      taskQueue: 'image-stream',
    });
    const worker = bench.start(['worker'], temporal.env);
    try {
      await vi.waitFor(
        async () =>
          expect(good(await bench.run(['runs'], temporal.env))).toMatch(
            /sync\/broken .*stands still, attempt \d+: Cannot read properties of undefined/,
          ),
        { timeout: 90_000, interval: 500 },
      );
      await vi.waitFor(
        async () =>
          expect(good(await bench.run(['show', 'other-build'], temporal.env))).toMatch(
            /stands still: the workflow code of sync\/other-build failed, attempt \d+: .*workflowOfAnotherBuild/,
          ),
        { timeout: 60_000, interval: 500 },
      );
    } finally {
      await handle.terminate();
      await broken.terminate();
      worker.kill('SIGTERM');
      await worker.finished;
    }
  });

  test('with a worker a schedule fires again and again, not while it is paused, and is gone when deleted', async () => {
    const worker = bench.start(['worker'], temporal.env);
    try {
      await client.schedule.getHandle('mirror/ubuntu').update((now) => ({
        ...now,
        spec: { intervals: [{ every: '2s' }] },
      }));
      await vi.waitFor(
        async () => {
          const done = (await scheduledRuns()).filter(({ status }) => status === 'completed');
          expect(done.length).toBeGreaterThanOrEqual(2);
          expect(done[0]?.result).toMatch(/^nothing to do, 1 unchanged$/);
        },
        { timeout: 90_000, interval: 1_000 },
      );
      good(await schedule('pause', 'ubuntu'));
      await vi.waitFor(
        async () => expect((await scheduledRuns()).filter(({ status }) => status === 'running')).toEqual([]),
        { timeout: 30_000, interval: 500 },
      );
      const paused = (await scheduledRuns()).length;
      await sleep(5_000);
      expect(await scheduledRuns()).toHaveLength(paused);

      const run = good(await schedule('trigger', 'ubuntu')).split(' ')[0] ?? '';
      const followed = await bench.run(['show', 'ubuntu', '--follow'], temporal.env);
      expect(followed.code, followed.stderr).toBe(0);
      await vi.waitFor(
        async () => {
          const shown = good(await bench.run(['show', run], temporal.env));
          expect(shown).toContain(`${run}: completed`);
          expect(shown).toContain('synced: sync/ubuntu is done');
        },
        { timeout: 30_000, interval: 500 },
      );

      good(await schedule('resume', 'ubuntu'));
      await vi.waitFor(async () => expect((await scheduledRuns()).length).toBeGreaterThan(paused + 1), {
        timeout: 30_000,
        interval: 500,
      });
      expect(good(await schedule('delete', 'ubuntu'))).toBe('mirror/ubuntu deleted\n');
      expect(good(await schedule('list'))).toMatch(/mirror\/ubuntu +not applied\n/);
      const { code, stderr } = await schedule('delete', 'ubuntu');
      expect(stderr).toMatch(/^ScheduleNotFound: .*\n$/);
      expect(code).toBe(2);
    } finally {
      worker.kill('SIGTERM');
      await worker.finished;
    }
  });
});
