import { hostname } from 'node:os';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'vitest';
import { findTemporalCli } from '../../cli/embedded/temporal-cli.js';
import { workflowId } from '../../contracts/ids.js';
import { failure, image, passing, until, untilCancelled, stage, type Scene } from './scene.js';

/** Run by scripts/record-histories alone: real runs of every workflow, with the turns that their code takes, one file a run. */
const folder = new URL('../fixtures/histories/', import.meta.url);
const on = stage();

test('records a history of every workflow', async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const save = async (name: string, id: string, runId?: string): Promise<void> => {
    const { path } = await findTemporalCli();
    const words = ['workflow', 'show', '--output', 'json', '--address', on.env.address, '--workflow-id', id];
    const run = runId === undefined ? [] : ['--run-id', runId];
    const { stdout } = await promisify(execFile)(path, [...words, ...run], { maxBuffer: 2 ** 26 });
    const { events } = JSON.parse(stdout) as { events: unknown[] };
    const lines = events.map((event) => JSON.stringify(scrubbed(event)));
    await writeFile(new URL(`${name}.json`, folder), `{"events":[\n${lines.join(',\n')}\n]}\n`);
  };
  const mirrorId = (scene: Scene) => workflowId.syncMirror(scene.mirror);
  const regionId = (scene: Scene, region = 'RegionOne') =>
    workflowId.syncRegion(mirrorId(scene), 'prod', region);
  const schedule = (scene: Scene) =>
    on.env.client.workflow.start('scheduledSync', {
      workflowId: `${workflowId.schedule(scene.mirror)}-2026-01-01T00:00:00Z`,
      taskQueue: 'image-stream',
      args: [{ mirror: scene.mirror }],
    });

  // A schedule, two regions, a source that moves once, large, small and broken images, a repair, publishing.
  const whole = on.scene();
  whole.regions = { prod: ['RegionOne', 'RegionTwo'] };
  whole.settings.publish = true;
  whole.wanted = [
    ...whole.images('a', 'b'),
    ...['bad', 'c', 'd'].map((name) => image(name, { size: 1_000 })),
    image('f', { action: 'finalise', imageId: 'id', differs: ['visibility'] }),
  ];
  const { planSync, syncSmallItem, uploadImage } = whole.activities;
  whole.activities.planSync = async (request) => {
    if (request.target.region === 'RegionTwo' && whole.called('fetchIndex').length === 1)
      throw failure('SourceMoved');
    return planSync(request);
  };
  whole.activities.syncSmallItem = async (request) => {
    if (request.item.key === 'bad') throw failure('ChecksumMismatch');
    return syncSmallItem(request);
  };
  whole.activities.uploadImage = async (request) => {
    if (whole.called('uploadImage').length === 1) throw failure('StagingLost');
    if (whole.called('uploadImage').length === 2) throw passing('CloudError');
    return uploadImage(request);
  };
  const scheduled = await schedule(whole);
  await scheduled.result().catch(() => undefined);
  await save('scheduled-sync-failed', scheduled.workflowId);
  await save('sync-mirror-source-moved', mirrorId(whole));
  await save('sync-region-published', regionId(whole));
  await save('sync-image', `image/${whole.mirror}/a`);

  // A schedule that finds the mirror's sync running, and that sync cancelled while it downloads.
  const held = on.scene();
  held.wanted = held.images('a');
  held.activities.downloadImage = untilCancelled;
  const running = await held.start();
  await until(() => held.called('downloadImage').length > 0);
  const skipped = await schedule(held);
  await skipped.result();
  await running.cancel();
  await running.result().catch(() => undefined);
  await save('scheduled-sync-skipped', skipped.workflowId);
  await save('sync-mirror-cancelled', mirrorId(held));
  await save('sync-region-cancelled', regionId(held));
  await save('sync-image-cancelled', `image/${held.mirror}/a`);

  // A region that continues as new, and removes what is left over.
  const long = on.scene();
  long.wanted = Array.from({ length: 110 }, (_, index) => image(`i${index + 100}`, { size: 1_000 }));
  const region = await long.startRegion({ continueAfterEvents: 100 });
  const first = await region.describe();
  await region.result();
  await save('sync-region-continued', region.workflowId, first.runId);
  await save('sync-region-last', region.workflowId);

  // A dry run.
  const plan = on.scene();
  plan.wanted = plan.images('a');
  await plan.sync({ dryRun: true });
  await save('sync-mirror-planned', mirrorId(plan));
  await save('sync-region-planned', regionId(plan));

  // A host that goes away with the file.
  const lost = on.scene();
  lost.wanted = lost.images('a');
  lost.activities.claimStaging = async () => ({
    stagingId: lost.called('claimStaging').length === 1 ? `${lost.mirror}.gone` : 'shared',
  });
  lost.activities.stagingAlive = async () => false;
  await lost.sync();
  await save('sync-mirror', mirrorId(lost));
  await save('sync-image-host-gone', `image/${lost.mirror}/a`);

  // A writer with more requests than one run takes, one of which fails.
  const writer = on.scene();
  const { publishProducts } = writer.activities;
  let open = false;
  writer.activities.publishProducts = async (request) => {
    await until(() => open);
    if (request.target.region === 'r1') throw failure('CloudDiffers');
    return publishProducts(request);
  };
  const id = workflowId.publishStreams(writer.mirror);
  const ask = (name: string) =>
    on.env.client.workflow.signalWithStart('publishStreams', {
      workflowId: id,
      taskQueue: 'image-stream',
      args: [{ destination: writer.mirror }],
      signal: 'publish',
      signalArgs: [{ id: name, run: writer.run, target: writer.target(name) }],
    });
  const { signaledRunId } = await ask('r0');
  for (let index = 1; index <= 55; index += 1) await ask(`r${index}`);
  open = true;
  await on.env.client.workflow.getHandle(id, signaledRunId).result();
  await save('publish-streams-continued', id, signaledRunId);
  await save('publish-streams', id);
});

/** Without what tells of the machine: who the worker was, and where its sources lie. */
function scrubbed(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => scrubbed(one));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, scrubbed(one, name)]));
  }
  if (key === 'stackTrace') return '';
  if (key === 'identity') return 'worker';
  return typeof value === 'string' ? value.replaceAll(`${process.pid}@${hostname()}`, 'worker') : value;
}
