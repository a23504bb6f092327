import { WorkflowFailedError } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { workflowId } from '../../contracts/ids.js';
import type { Progress, ScheduledSyncResult } from '../../contracts/workflows.js';
import {
  emptyPage,
  failure,
  failureOf,
  image,
  passing,
  stage,
  until,
  untilCancelled,
  type Scene,
} from './scene.js';

const on = stage();
const live = test.concurrent;
const SMALL = { size: 1_000 };

const regionId = (scene: Scene, region = 'RegionOne') =>
  workflowId.syncRegion(workflowId.syncMirror(scene.mirror), 'prod', region);

function schedule(scene: Scene) {
  return on.env.client.workflow.start('scheduledSync', {
    workflowId: `${workflowId.schedule(scene.mirror)}-2026-01-01T00:00:00Z`,
    taskQueue: 'image-stream',
    args: [{ mirror: scene.mirror }],
  });
}

live('syncs every region of every cloud', async () => {
  const scene = on.scene();
  scene.regions = { prod: ['RegionOne', 'RegionTwo'], edge: ['e1'] };
  scene.wanted = [image('a', SMALL)];
  const { regions } = await scene.sync();
  expect(regions.map(({ cloud, region, added }) => `${cloud}/${region} ${added}`).sort()).toEqual([
    'edge/e1 1',
    'prod/RegionOne 1',
    'prod/RegionTwo 1',
  ]);
});

live('ends as done when nothing was to be done', async () => {
  const scene = on.scene();
  expect(await scene.sync()).toMatchObject({ regions: [{ added: 0, removed: 0 }], failedRegions: [] });
});

live(
  'keeps what it was served as the mark of the mirror when all went well, with every document and place',
  async () => {
    const scene = on.scene();
    scene.regions = { prod: ['RegionOne', 'RegionTwo'] };
    scene.activities.recordSource = async () => ({ warnings: ['the mark could not be kept'] });
    const { regions } = await scene.sync();
    expect(scene.called('recordSource')).toHaveLength(1);
    expect(scene.called('recordSource')[0]?.request).toMatchObject({
      documents: [{ path: 'streams/v1/index.json' }],
      targets: [{ cloud: 'prod' }, { cloud: 'prod' }],
    });
    expect(regions[0]?.warnings).toEqual(['the mark could not be kept']);
  },
);

live('is no failure when the mark of the source cannot be kept', async () => {
  const scene = on.scene();
  scene.activities.recordSource = async () => {
    throw failure('SourceMoved', 'it moved');
  };
  const { regions } = await scene.sync();
  expect(regions[0]?.warnings).toEqual([expect.stringContaining('could not be kept: it moved')]);
});

live('keeps no mark of a run in which an item failed, nor of a dry run', async () => {
  const scene = on.scene();
  scene.activities.planSync = async () => ({
    ...emptyPage(),
    failures: [{ key: 'x', product: 'p', version: '1', item: 'i', code: 'ItemInvalid', message: 'no' }],
  });
  expect((await failureOf(scene.sync())).type).toBe('SyncIncomplete');
  const planned = on.scene();
  await planned.sync({ dryRun: true });
  expect([...scene.called('recordSource'), ...planned.called('recordSource')]).toEqual([]);
});

live('ends with the code of a source that has gone back, and touches nothing', async () => {
  const scene = on.scene();
  scene.settings.publish = true;
  scene.activities.planSync = async () => {
    throw failure('SourceRegressed');
  };
  expect((await failureOf(scene.sync())).type).toBe('SourceRegressed');
  const touching = ['syncSmallItem', 'removeImages', 'requestPublish', 'recordSource'] as const;
  expect(touching.flatMap((name) => scene.called(name))).toEqual([]);
});

live('hands on that an older source may be taken, only where it was said', async () => {
  const [scene, other] = [on.scene(), on.scene()];
  await Promise.all([scene.sync({ allowOlder: true }), other.sync()]);
  expect(scene.called('planSync')[0]?.request).toMatchObject({ allowOlder: true });
  expect(other.called('planSync')[0]?.request).not.toHaveProperty('allowOlder');
});

live('walks from the index to every products document, and hands them on in order', async () => {
  const scene = on.scene();
  scene.activities.verifyIndex = async ({ document, walk }) =>
    document.path.endsWith('index.json')
      ? {
          kind: 'index',
          signers: [],
          walk: {
            pending: ['b.json', 'a.json'].map((path) => ({ path, trail: [], contentId: path })),
            seen: [],
          },
        }
      : { kind: 'products', signers: [], walk: { ...walk, pending: walk.pending.slice(1) } };
  await scene.sync();
  expect(scene.called('planSync')[0]?.request).toMatchObject({
    documents: [{ path: 'streams/v1/index.json' }, { path: 'b.json' }, { path: 'a.json' }],
  });
});

live('lets a healthy region end while a dead one still waits', async () => {
  const scene = on.scene();
  scene.regions = { prod: ['alive', 'dead'] };
  scene.wanted = [image('a', SMALL)];
  scene.activities.awaitServices = async ({ target }) => {
    if (target.region === 'dead') throw passing('ServicesUnavailable');
    return { endpoints: [] };
  };
  const handle = await scene.start({ waitMs: null });
  await until(
    async () =>
      (await scene.describe(regionId(scene, 'alive')).catch(() => undefined))?.status.name === 'COMPLETED',
  );
  expect((await scene.describe(regionId(scene, 'dead'))).status.name).toBe('RUNNING');
  await handle.cancel();
});

live('waits an hour, not for ever, for one of several regions of a scheduled run', async () => {
  const scene = on.scene();
  scene.regions = { prod: ['alive', 'dead'] };
  await scene.start({ waitMs: null }).then((handle) => handle.result());
  expect((await firstEvent(scene, regionId(scene, 'dead'))).input).toMatchObject({ waitMs: 3_600_000 });

  const alone = on.scene();
  await alone.start({ waitMs: null }).then((handle) => handle.result());
  expect((await firstEvent(alone, regionId(alone))).input).toMatchObject({ waitMs: null });
});

live('syncs the other clouds when one cannot be signed in to', async () => {
  const scene = on.scene();
  scene.regions = { locked: ['r'], prod: ['RegionOne'] };
  scene.wanted = [image('a', SMALL)];
  const { resolveRegions } = scene.activities;
  scene.activities.resolveRegions = async (request) => {
    if (request.cloud === 'locked') throw failure('Unauthorized');
    return resolveRegions(request);
  };
  const { type, details } = await failureOf(scene.sync());
  expect(type).toBe('SyncIncomplete');
  expect(details).toMatchObject([
    { summary: { regions: [{ added: 1 }], failedRegions: [{ cloud: 'locked', code: 'Unauthorized' }] } },
  ]);
});

live('surfaces the code and the hint of its only region', async () => {
  const scene = on.scene();
  scene.activities.awaitServices = async () => {
    throw failure('RegionUnknown', 'No such region', 'Name another one.');
  };
  const { type, message, details } = await failureOf(scene.sync());
  expect({ type, message, details }).toEqual({
    type: 'RegionUnknown',
    message: 'No such region',
    details: [{ hint: 'Name another one.' }],
  });
});

live('surfaces why its only cloud cannot be signed in to', async () => {
  const scene = on.scene();
  scene.activities.resolveRegions = async () => {
    throw failure('Unauthorized');
  };
  expect((await failureOf(scene.sync())).type).toBe('Unauthorized');
});

live('ends Failed as SyncIncomplete with a list of what failed and why', async () => {
  const scene = on.scene();
  scene.wanted = [image('bad', SMALL), image('good', SMALL)];
  const { syncSmallItem } = scene.activities;
  scene.activities.syncSmallItem = async (request) => {
    if (request.item.key === 'bad') throw failure('ChecksumMismatch', 'other bytes');
    return syncSmallItem(request);
  };
  const { type, message, details } = await failureOf(scene.sync());
  expect({ type, message }).toEqual({
    type: 'SyncIncomplete',
    message: `The sync of ${scene.mirror} is incomplete: 1 item failed`,
  });
  expect(details).toMatchObject([
    {
      summary: {
        regions: [{ failures: [{ item: 'bad', code: 'ChecksumMismatch', message: 'other bytes' }] }],
      },
    },
  ]);
});

live('ends Failed as NotConverging when all went well and still differs', async () => {
  const scene = on.scene();
  const unstable = {
    key: 'u',
    product: 'p',
    version: '1',
    item: 'u',
    code: 'NotConverging',
    message: 'again',
  };
  scene.activities.planSync = async () => ({ ...emptyPage(), unstable: [unstable] });
  expect((await failureOf(scene.sync())).type).toBe('NotConverging');
});

live('starts over from fetchIndex when the source moved, and only where it is not done', async () => {
  const scene = on.scene();
  scene.regions = { prod: ['done', 'moved'] };
  scene.wanted = [image('a', SMALL)];
  const { planSync } = scene.activities;
  scene.activities.planSync = async (request) => {
    if (request.target.region === 'moved' && scene.called('fetchIndex').length === 1)
      throw failure('SourceMoved');
    return planSync(request);
  };
  const { regions } = await scene.sync();
  expect(regions).toHaveLength(2);
  expect(scene.called('fetchIndex')).toHaveLength(2);
  expect(scene.called('awaitServices')).toHaveLength(3);
});

live('starts over when the mirror changed between two of its documents', async () => {
  const scene = on.scene();
  const { verifyIndex } = scene.activities;
  scene.activities.verifyIndex = async (request) => {
    if (scene.called('verifyIndex').length === 1) throw failure('SourceMoved');
    return verifyIndex(request);
  };
  expect(await scene.sync()).toMatchObject({ regions: [{ failureCount: 0 }] });
  expect(scene.called('fetchIndex')).toHaveLength(2);
});

live('gives up a mirror that changes faster than it can be read', async () => {
  const scene = on.scene();
  scene.activities.planSync = async () => {
    throw failure('SourceMoved');
  };
  expect((await failureOf(scene.sync())).type).toBe('SourceMoved');
  expect(scene.called('fetchIndex')).toHaveLength(5);
});

live('touches no cloud when the signature is bad', async () => {
  const scene = on.scene();
  scene.activities.verifyIndex = async () => {
    throw failure('SignatureInvalid');
  };
  expect((await failureOf(scene.sync())).type).toBe('SignatureInvalid');
  expect(scene.called('resolveRegions')).toEqual([]);
});

live('waits for a mirror no longer than a person does', async () => {
  const scene = on.scene();
  scene.activities.fetchIndex = async () => {
    throw passing('MirrorUnreachable');
  };
  expect((await failureOf(scene.sync({ waitMs: 0 }))).type).toBe('MirrorUnreachable');
  expect(scene.called('fetchIndex')).toHaveLength(1);
});

live('compares the configuration it was started for with the one of the worker', async () => {
  const scene = on.scene();
  await scene.sync({ configurationDigest: 'mine' });
  expect(scene.called('loadMirror')[0]?.request).toMatchObject({ configurationDigest: 'mine' });
});

live('refuses a second run of the mirror while one is under way', async () => {
  const scene = on.scene();
  scene.activities.planSync = untilCancelled;
  const handle = await scene.start();
  await expect(scene.start()).rejects.toThrow(/already started/i);
  await handle.cancel();
});

live('takes over the region that a terminated run left behind, once it has ended', async () => {
  const scene = on.scene();
  scene.wanted = [image('a', SMALL)];
  let stuck = true;
  const { syncSmallItem } = scene.activities;
  scene.activities.syncSmallItem = async (request) => (stuck ? untilCancelled() : syncSmallItem(request));
  const handle = await scene.start();
  await until(() => scene.called('syncSmallItem').length > 0);
  await handle.terminate();
  stuck = false;
  expect(await scene.sync()).toMatchObject({ regions: [{ added: 1 }], failedRegions: [] });
});

live('plans every region and changes nothing in a dry run', async () => {
  const scene = on.scene();
  scene.regions = { prod: ['RegionOne', 'RegionTwo'] };
  scene.wanted = [image('a')];
  const { plans } = await scene.sync({ dryRun: true });
  expect(plans).toMatchObject([{ rows: [{ action: 'upload', item: 'a' }] }, { rows: [{ item: 'a' }] }]);
  const read = ['loadMirror', 'fetchIndex', 'verifyIndex', 'resolveRegions', 'awaitServices', 'planSync'];
  expect(new Set(scene.calls.map(({ name }) => name))).toEqual(new Set(read));
});

live('ends Cancelled with its regions and images when it is cancelled', async () => {
  const scene = on.scene();
  scene.wanted = scene.images('a');
  scene.activities.downloadImage = untilCancelled;
  const handle = await scene.start();
  await until(() => scene.called('downloadImage').length > 0);
  await handle.cancel();
  const error: unknown = await handle.result().catch((cause: unknown) => cause);
  expect(error instanceof WorkflowFailedError && error.cause).toBeInstanceOf(CancelledFailure);
  for (const id of [regionId(scene), `image/${scene.mirror}/a`]) {
    expect((await scene.describe(id)).status.name).toBe('CANCELLED');
  }
});

live('ends Cancelled when it is cancelled while it waits for a region to begin', async () => {
  const scene = on.scene();
  scene.activities.resolveRegions = untilCancelled;
  const handle = await scene.start();
  await until(() => scene.called('resolveRegions').length > 0);
  await handle.cancel();
  await handle.result().catch(() => undefined);
  expect((await scene.describe(handle.workflowId)).status.name).toBe('CANCELLED');
});

live('takes a region that an operator cancelled for a failed one', async () => {
  const scene = on.scene();
  scene.regions = { prod: ['RegionOne', 'RegionTwo'] };
  const { planSync } = scene.activities;
  scene.activities.planSync = async (request) =>
    request.target.region === 'RegionTwo' ? untilCancelled() : planSync(request);
  const handle = await scene.start();
  await until(() => scene.called('planSync').length === 2);
  await on.env.client.workflow.getHandle(regionId(scene, 'RegionTwo')).cancel();
  expect((await failureOf(handle.result())).details).toMatchObject([
    {
      summary: {
        failedRegions: [{ region: 'RegionTwo', code: 'Cancelled' }],
        regions: [{ region: 'RegionOne' }],
      },
    },
  ]);
});

live('carries the mirror, the cloud and the region as search attributes', async () => {
  const scene = on.scene();
  await scene.sync();
  const of = (name: string) => scene.attribute(regionId(scene), name);
  expect(await Promise.all(['Mirror', 'Cloud', 'Region', 'Stage'].map(of))).toEqual([
    scene.mirror,
    'prod',
    'RegionOne',
    'done',
  ]);
});

live('shows Stage=waiting while Keystone does not answer a scheduled run', async () => {
  const scene = on.scene();
  scene.activities.resolveRegions = async () => {
    throw passing('KeystoneUnreachable');
  };
  const handle = await scene.start({ waitMs: null });
  await until(
    async () =>
      (await scene.attribute(handle.workflowId, 'Stage')) === 'waiting' &&
      scene.called('resolveRegions').length > 1,
  );
  await handle.cancel();
});

live('names its regions to a query, so that a client can follow them', async () => {
  const scene = on.scene();
  scene.activities.planSync = untilCancelled;
  const handle = await scene.start();
  await until(() => scene.called('planSync').length > 0);
  expect(await handle.query<Progress>('progress')).toMatchObject({
    stage: 'syncing',
    regions: [{ region: 'RegionOne', workflowId: regionId(scene) }],
  });
  await handle.cancel();
});

live('says in its current details what came of each region', async () => {
  const scene = on.scene();
  scene.wanted = [image('a', SMALL)];
  const handle = await scene.start();
  await handle.result();
  const metadata = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  expect(metadata.currentDetails).toContain('prod/RegionOne: 1 added, 0 removed, 0 failed');
});

live('syncs as the mirror’s own run when a schedule fires', async () => {
  const scene = on.scene();
  scene.wanted = [image('a', SMALL)];
  const result = (await (await schedule(scene)).result()) as ScheduledSyncResult;
  expect(result).toMatchObject({ outcome: 'synced', summary: { regions: [{ added: 1 }] } });
  expect((await scene.describe(workflowId.syncMirror(scene.mirror))).type).toBe('syncMirror');
});

live('lets a scheduled run wait for ever', async () => {
  const scene = on.scene();
  await (await schedule(scene)).result();
  const { input } = await firstEvent(scene);
  expect(input).toMatchObject({ waitMs: null, configurationDigest: 'digest' });
});

live('skips, and says so, when a sync of the mirror is running', async () => {
  const scene = on.scene();
  scene.activities.planSync = untilCancelled;
  const handle = await scene.start();
  await until(() => scene.called('planSync').length > 0);
  const result = (await (await schedule(scene)).result()) as ScheduledSyncResult;
  expect(result).toEqual({
    outcome: 'skipped',
    message: `${workflowId.syncMirror(scene.mirror)} is running already`,
  });
  expect((await handle.describe()).status.name).toBe('RUNNING');
  await handle.cancel();
});

live('fails when the sync that its schedule began fails, with the same code', async () => {
  const scene = on.scene();
  scene.activities.resolveRegions = async () => {
    throw failure('Unauthorized');
  };
  expect((await failureOf((await schedule(scene)).result())).type).toBe('Unauthorized');
});

live('ends the sync that it began when a scheduled run is cancelled', async () => {
  const scene = on.scene();
  scene.activities.planSync = untilCancelled;
  const scheduled = await schedule(scene);
  await until(() => scene.called('planSync').length > 0);
  await scheduled.cancel();
  await scheduled.result().catch(() => undefined);
  expect((await scene.describe(workflowId.syncMirror(scene.mirror))).status.name).toBe('CANCELLED');
});

/** The input that a run of the mirror was started with. */
async function firstEvent(
  scene: Scene,
  id = workflowId.syncMirror(scene.mirror),
): Promise<{ input: unknown }> {
  const { events } = await on.env.client.workflow.getHandle(id).fetchHistory();
  const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
  return { input: JSON.parse(Buffer.from(payload ?? []).toString('utf8')) as unknown };
}
