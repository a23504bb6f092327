import { WorkflowFailedError } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import type { ItemFailure, Removal } from '../../contracts/sync.js';
import type { Progress, SyncRegionResult } from '../../contracts/workflows.js';
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

/** The summary of a region's run that is expected to end well. */
async function regionOf(scene: Scene, more: Parameters<Scene['startRegion']>[0] = {}) {
  const result = (await (await scene.startRegion(more)).result()) as SyncRegionResult;
  if (result.outcome !== 'done') throw new Error(result.outcome);
  return result.summary;
}

const removal = (name: string): Removal => ({
  key: `rm:${name}`,
  imageId: name,
  name,
  contentId: 'auto.sync',
  mirror: 'ubuntu',
  product: 'p',
  version: '1',
  item: name,
  reason: 'superseded',
  action: 'delete',
});
const itemFailure = (key: string): ItemFailure => ({
  key,
  product: 'p',
  version: '1',
  item: key,
  code: 'ItemInvalid',
  message: 'no checksum',
});
const SMALL = { size: 1_000 };

live('brings what is missing, each image in a workflow of its own', async () => {
  const scene = on.scene();
  scene.wanted = scene.images('a', 'b');
  expect(await regionOf(scene)).toMatchObject({ added: 2, failureCount: 0, fetchedBytes: 200_000_000 });
  expect((await scene.describe(`image/${scene.mirror}/a`)).status.name).toBe('COMPLETED');
});

live('brings small items in one activity, without a workflow', async () => {
  const scene = on.scene();
  scene.wanted = [image('s', { ...SMALL, workflowId: `image/${scene.mirror}/s` })];
  expect(await regionOf(scene)).toMatchObject({ added: 1, uploadedBytes: 1_000 });
  expect(scene.items('syncSmallItem')).toEqual(['s']);
  await expect(scene.describe(`image/${scene.mirror}/s`)).rejects.toThrow(/not found/i);
});

live('mends an image that is there without moving its bytes', async () => {
  const scene = on.scene();
  scene.wanted = [image('f', { action: 'finalise', imageId: 'id', differs: ['visibility'] })];
  expect(await regionOf(scene)).toMatchObject({ added: 0, repaired: 1 });
  expect(scene.called('downloadImage')).toEqual([]);
});

live('brings no more images at once than configured', async () => {
  const scene = on.scene();
  scene.settings.concurrency = 2;
  scene.wanted = ['a', 'b', 'c', 'd', 'e'].map((name) => image(name, SMALL));
  let running = 0;
  let most = 0;
  const { syncSmallItem } = scene.activities;
  scene.activities.syncSmallItem = async (request) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 100));
    running -= 1;
    return syncSmallItem(request);
  };
  await regionOf(scene, { settings: scene.settings });
  expect(most).toBe(2);
});

live('one failing image does not stop the others', async () => {
  const scene = on.scene();
  scene.wanted = scene.images('a', 'b', 'c');
  const { uploadImage } = scene.activities;
  scene.activities.uploadImage = async (request) => {
    if (request.item.key === 'b') throw failure('QuotaExceeded', 'The project is full');
    return uploadImage(request);
  };
  const summary = await regionOf(scene);
  expect(summary).toMatchObject({ added: 2, failureCount: 1 });
  expect(summary.failures).toMatchObject([
    { item: 'b', code: 'QuotaExceeded', message: 'The project is full' },
  ]);
});

live('does not try again in this run what failed in it', async () => {
  const scene = on.scene();
  scene.wanted = [image('bad', SMALL), image('good', SMALL)];
  const { syncSmallItem } = scene.activities;
  scene.activities.syncSmallItem = async (request) => {
    if (request.item.key === 'bad') throw failure('ChecksumMismatch');
    return syncSmallItem(request);
  };
  await regionOf(scene);
  expect(scene.items('syncSmallItem').filter((key) => key === 'bad')).toHaveLength(1);
});

live('tries a passing failure again within the activity', async () => {
  const scene = on.scene();
  scene.wanted = [image('a', SMALL)];
  const { syncSmallItem } = scene.activities;
  scene.activities.syncSmallItem = async (request) => {
    if (scene.called('syncSmallItem').length < 3) throw passing('MirrorUnreachable');
    return syncSmallItem(request);
  };
  expect(await regionOf(scene)).toMatchObject({ added: 1, failureCount: 0 });
});

live('takes an image whose workflow an operator cancelled for a failure, not for its own end', async () => {
  const scene = on.scene();
  scene.wanted = scene.images('a', 'b');
  const { downloadImage } = scene.activities;
  scene.activities.downloadImage = async (request) =>
    request.item.key === 'a' ? untilCancelled() : downloadImage(request);
  const handle = await scene.startRegion();
  await until(() => scene.items('downloadImage').includes('a'));
  await on.env.client.workflow.getHandle(`image/${scene.mirror}/a`).cancel();
  expect(await handle.result()).toMatchObject({
    summary: { added: 1, failures: [{ item: 'a', code: 'Cancelled' }] },
  });
});

live('asks for the right to create images once, before the first upload', async () => {
  const scene = on.scene();
  scene.wanted = scene.images('a', 'b');
  await regionOf(scene);
  const names = scene.calls.map(({ name }) => name);
  expect(scene.called('probeRights')).toHaveLength(1);
  expect(names.indexOf('probeRights')).toBeLessThan(names.indexOf('downloadImage'));
});

live('asks for no right where nothing is to be uploaded', async () => {
  const scene = on.scene();
  scene.wanted = [image('f', { action: 'finalise', imageId: 'id' })];
  await regionOf(scene);
  expect(scene.called('probeRights')).toEqual([]);
});

live('moves nothing at all when the right to create images is refused', async () => {
  const scene = on.scene();
  scene.wanted = [...scene.images('a'), image('s', SMALL)];
  scene.activities.probeRights = async () => {
    throw failure('VisibilityForbidden', 'May not publish');
  };
  expect((await failureOf(regionOf(scene))).type).toBe('VisibilityForbidden');
  const touched = ['downloadImage', 'syncSmallItem', 'removeImages', 'requestPublish'];
  expect(scene.calls.filter(({ name }) => touched.includes(name))).toEqual([]);
});

live('takes all pages of a plan', async () => {
  const scene = on.scene();
  scene.wanted = Array.from({ length: 120 }, (_, index) => image(`i${index + 100}`, SMALL));
  expect(await regionOf(scene)).toMatchObject({ added: 120 });
  expect(new Set(scene.items('syncSmallItem')).size).toBe(120);
});

live('counts what was unchanged before it began', async () => {
  const scene = on.scene();
  scene.wanted = ['a', 'b', 'c'].map((name) => image(name, SMALL));
  scene.present.add('RegionOne/a');
  expect(await regionOf(scene)).toMatchObject({ added: 2, unchanged: 1 });
});

live('plans once more after it brought something, and then ends', async () => {
  const scene = on.scene();
  scene.wanted = [image('a', SMALL)];
  await regionOf(scene);
  expect(scene.called('planSync')).toHaveLength(2);
});

live('plans once where nothing is to be done', async () => {
  const scene = on.scene();
  expect(await regionOf(scene)).toMatchObject({ added: 0, removed: 0 });
  expect(scene.called('planSync')).toHaveLength(1);
});

live('brings in the next pass what came to be missing meanwhile', async () => {
  const scene = on.scene();
  scene.wanted = [image('a', SMALL)];
  scene.activities.requestPublish = async () => {
    throw failure('Internal');
  };
  const { planSync } = scene.activities;
  scene.activities.planSync = async (request) => {
    if (scene.called('planSync').length === 2) scene.wanted.push(image('late', SMALL));
    return planSync(request);
  };
  expect(await regionOf(scene)).toMatchObject({ added: 2 });
});

live('ends after three passes when the images it brought keep going away', async () => {
  const scene = on.scene();
  scene.wanted = [image('a', SMALL)];
  const { syncSmallItem } = scene.activities;
  scene.activities.syncSmallItem = async (request) => {
    const result = await syncSmallItem(request);
    scene.present.clear();
    return result;
  };
  const summary = await regionOf(scene);
  expect(summary.unstable).toMatchObject([{ item: 'a', code: 'NotConverging' }]);
  expect(scene.called('syncSmallItem')).toHaveLength(3);
});

live('reports what the plan says does not stay mended', async () => {
  const scene = on.scene();
  scene.activities.planSync = async () => ({
    ...emptyPage(),
    unstable: [{ ...itemFailure('u'), code: 'NotConverging' }],
  });
  expect((await regionOf(scene)).unstable).toMatchObject([{ key: 'u' }]);
});

live('tells the plan what it mended, so that a repair happens once', async () => {
  const scene = on.scene();
  scene.wanted = [image('f', { action: 'finalise', imageId: 'id' })];
  await regionOf(scene);
  expect(scene.called('planSync')[1]?.request).toMatchObject({ position: { repaired: ['f'] } });
});

live('reports items that cannot be had once, however many pages repeat them', async () => {
  const scene = on.scene();
  scene.activities.planSync = async () => ({
    ...emptyPage(),
    failures: [itemFailure('x'), itemFailure('y')],
  });
  expect(await regionOf(scene)).toMatchObject({ failureCount: 2, added: 0 });
});

live('asks on until all items that cannot be had are told', async () => {
  const scene = on.scene();
  const bad = Array.from({ length: 450 }, (_, index) => itemFailure(`x${index}`));
  scene.activities.planSync = async ({ position }) => ({
    ...emptyPage(),
    failures: bad.filter(({ key }) => !position.failed.includes(key)).slice(0, 200),
  });
  const summary = await regionOf(scene);
  expect({ count: summary.failureCount, listed: summary.failures.length }).toEqual({
    count: 450,
    listed: 100,
  });
});

live('stops after a thousand failures and says so', async () => {
  const scene = on.scene();
  scene.activities.planSync = async () => ({
    ...emptyPage(),
    failures: Array.from({ length: 1_001 }, (_, index) => itemFailure(`x${index}`)),
    items: [],
    next: 'more',
  });
  const summary = await regionOf(scene);
  expect(summary.failureCount).toBe(1_001);
  expect(summary.warnings.join()).toMatch(/1000 failures/);
});

live('removes superseded images when everything wanted is there', async () => {
  const scene = on.scene();
  const gone = new Set<string>();
  scene.activities.planSync = async () => ({
    ...emptyPage(),
    removals: ['a', 'b'].filter((name) => !gone.has(name)).map(removal),
  });
  scene.activities.removeImages = async ({ removals }) => {
    removals.forEach(({ name }) => gone.add(name));
    return { removed: removals.length, retired: 0, kept: [], failures: [] };
  };
  expect(await regionOf(scene)).toMatchObject({ removed: 2 });
});

live('removes superseded images of other products although all that was to bring failed', async () => {
  const scene = on.scene();
  scene.wanted = [image('bad', SMALL)];
  const { planSync } = scene.activities;
  scene.activities.planSync = async (request) => {
    const page = await planSync(request);
    return page.items.length > 0 ? page : { ...page, removals: [removal('old')] };
  };
  scene.activities.syncSmallItem = async () => {
    throw failure('ChecksumMismatch');
  };
  expect(await regionOf(scene)).toMatchObject({ removed: 1, failureCount: 1 });
});

live('removes page after page where there are more than one carries', async () => {
  const scene = on.scene();
  let left = Array.from({ length: 5 }, (_, index) => removal(`r${index}`));
  scene.activities.planSync = async () => ({
    ...emptyPage(),
    removals: left.slice(0, 2),
    counts: { ...emptyPage().counts, remove: left.length },
  });
  scene.activities.removeImages = async ({ removals }) => {
    left = left.filter((one) => !removals.some(({ key }) => key === one.key));
    return { removed: removals.length, retired: 0, kept: [], failures: [] };
  };
  expect(await regionOf(scene)).toMatchObject({ removed: 5 });
});

live('ends where removed images do not go away', async () => {
  const scene = on.scene();
  scene.activities.planSync = async () => ({
    ...emptyPage(),
    removals: [removal('zombie')],
    counts: { ...emptyPage().counts, remove: 2 },
  });
  await regionOf(scene);
  expect(scene.called('removeImages').length).toBeLessThanOrEqual(2);
});

live('reports a refused removal and goes on', async () => {
  const scene = on.scene();
  scene.settings.publish = true;
  scene.activities.planSync = async ({ position }) => ({
    ...emptyPage(),
    removals: position.failed.includes('rm:a') ? [] : [removal('a')],
  });
  scene.activities.removeImages = async () => ({
    removed: 0,
    retired: 0,
    kept: [],
    failures: [{ ...itemFailure('rm:a'), code: 'Forbidden' }],
  });
  const summary = await regionOf(scene, { settings: scene.settings });
  expect(summary).toMatchObject({ removed: 0, failureCount: 1, published: { products: 'written' } });
});

live('warns of images that stay although they should go, asks for each once, and fails nothing', async () => {
  const scene = on.scene();
  const names = Array.from({ length: 30 }, (_, index) => `r${index}`);
  scene.activities.planSync = async ({ position }) => {
    const left = names.map(removal).filter(({ key }) => !position.failed.includes(key));
    return {
      ...emptyPage(),
      removals: left.slice(0, 10),
      counts: { ...emptyPage().counts, remove: left.length },
    };
  };
  scene.activities.removeImages = async ({ removals }) => ({
    removed: 0,
    retired: 1,
    kept: removals.slice(1).map(({ key, name }) => ({ key, message: `${name} stays: it is protected` })),
    failures: [],
  });
  const summary = await regionOf(scene);
  expect(summary).toMatchObject({ removed: 0, failureCount: 0, failures: [] });
  expect(summary.retired).toBeGreaterThanOrEqual(3);
  expect(summary.warnings).toContain('r1 stays: it is protected');
  expect(summary.warnings.length).toBeLessThanOrEqual(21);
});

live('waits while another run has an image in hand, and plans again', async () => {
  const scene = on.scene();
  scene.wanted = scene.images('held', 'free');
  const [held] = scene.wanted;
  const blocker = on.scene();
  blocker.activities.downloadImage = untilCancelled;
  const other = await on.env.client.workflow.start('syncImage', {
    workflowId: held!.workflowId,
    taskQueue: 'image-stream',
    args: [{ run: blocker.run, target: scene.target(), item: held, transferTimeoutMs: 60_000 }],
  });
  await until(() => blocker.called('downloadImage').length > 0);
  const handle = await scene.startRegion();
  await until(
    async () =>
      (await scene.attribute(handle.workflowId, 'Stage')) === 'waiting' &&
      scene.items('uploadImage').includes('free'),
  );
  scene.present.add('RegionOne/held');
  await other.cancel();
  expect(await handle.result()).toMatchObject({ summary: { added: 1, failureCount: 0, unchanged: 0 } });
  expect(scene.items('downloadImage')).toEqual(['free']);
});

live('continues as new when its history is long, keeping counts and place', async () => {
  const scene = on.scene();
  scene.wanted = Array.from({ length: 160 }, (_, index) => image(`i${index + 100}`, SMALL));
  const { syncSmallItem } = scene.activities;
  scene.activities.syncSmallItem = async (request) => {
    if (request.item.key === 'i105') throw failure('ChecksumMismatch');
    return syncSmallItem(request);
  };
  const handle = await scene.startRegion({ continueAfterEvents: 100 });
  const first = await handle.describe();
  expect(await handle.result()).toMatchObject({
    summary: { added: 159, failureCount: 1, uploadedBytes: 159_000 },
  });
  const last = await scene.describe(handle.workflowId);
  expect(last.runId).not.toBe(first.runId);
  expect(scene.items('syncSmallItem')).toHaveLength(160);
  expect(scene.called('probeRights')).toHaveLength(1);
});

live('has no image under way when it continues as new', async () => {
  const scene = on.scene();
  scene.wanted = scene.images(...Array.from({ length: 60 }, (_, index) => `i${index + 100}`));
  let running = 0;
  const { downloadImage, planSync } = scene.activities;
  scene.activities.downloadImage = async (request) => {
    running += 1;
    return downloadImage(request);
  };
  const { finaliseImage } = scene.activities;
  scene.activities.finaliseImage = async (request) => {
    running -= 1;
    return finaliseImage(request);
  };
  const atPlan: number[] = [];
  scene.activities.planSync = async (request) => {
    atPlan.push(running);
    return planSync(request);
  };
  const handle = await scene.startRegion({ continueAfterEvents: 50 });
  expect(await handle.result()).toMatchObject({ summary: { added: 60 } });
  expect(new Set(atPlan)).toEqual(new Set([0]));
});

live('publishes and advertises after the images, where publishing is on', async () => {
  const scene = on.scene();
  scene.settings.publish = true;
  scene.wanted = [image('a', SMALL)];
  const summary = await regionOf(scene, { settings: scene.settings });
  expect(summary).toMatchObject({ published: { products: 'written' }, advertised: { state: 'created' } });
  expect(scene.calls.map(({ name }) => name).slice(-2)).toEqual(['requestPublish', 'registerEndpoints']);
});

live('publishes also after a failed image, since the others are there', async () => {
  const scene = on.scene();
  scene.settings.publish = true;
  scene.wanted = [image('bad', SMALL)];
  scene.activities.syncSmallItem = async () => {
    throw failure('ChecksumMismatch');
  };
  await regionOf(scene, { settings: scene.settings });
  expect(scene.called('requestPublish')).toHaveLength(1);
});

live('publishes nothing where publishing is off', async () => {
  const scene = on.scene();
  await regionOf(scene);
  expect(scene.called('requestPublish')).toEqual([]);
});

live('advertises nothing where nothing was ever published', async () => {
  const scene = on.scene();
  scene.settings.publish = true;
  scene.activities.requestPublish = async () => ({
    products: 'none',
    index: 'none',
    images: 0,
    publicUrl: '',
  });
  await regionOf(scene, { settings: scene.settings });
  expect(scene.called('registerEndpoints')).toEqual([]);
});

live('warns with the commands for an administrator where it may not advertise', async () => {
  const scene = on.scene();
  scene.settings.publish = true;
  scene.activities.registerEndpoints = async ({ publicUrl }) => ({
    state: 'forbidden',
    url: publicUrl,
    message: 'An administrator would run: openstack endpoint create',
  });
  const summary = await regionOf(scene, { settings: scene.settings });
  expect(summary.warnings.join()).toMatch(/openstack endpoint create/);
});

live('plans only, in a dry run', async () => {
  const scene = on.scene();
  scene.settings.publish = true;
  scene.wanted = Array.from({ length: 60 }, (_, index) => image(`i${index + 100}`));
  const handle = await scene.startRegion({ dryRun: true, settings: scene.settings });
  const result = (await handle.result()) as SyncRegionResult;
  expect(result).toMatchObject({ outcome: 'planned', plan: { counts: { upload: 60 }, cut: false } });
  expect(result.outcome === 'planned' && result.plan.rows).toHaveLength(60);
  expect(new Set(scene.calls.map(({ name }) => name))).toEqual(
    new Set(['awaitServices', 'planSync', 'compareMetadata']),
  );
  expect(scene.called('compareMetadata')).toMatchObject([{ request: { pending: true, audit: false } }]);
});

live('cuts the plan of a dry run at a thousand rows and says so', async () => {
  const scene = on.scene();
  scene.wanted = Array.from({ length: 1_100 }, (_, index) => image(`i${index + 1_000}`));
  const result = (await (await scene.startRegion({ dryRun: true })).result()) as SyncRegionResult;
  expect(result).toMatchObject({ plan: { cut: true } });
  expect(result.outcome === 'planned' && result.plan.rows).toHaveLength(1_000);
});

live('says that the source moved instead of failing', async () => {
  const scene = on.scene();
  scene.activities.planSync = async () => {
    throw failure('SourceMoved', 'index.json changed');
  };
  expect(await (await scene.startRegion()).result()).toMatchObject({ outcome: 'sourceMoved' });
});

live('gives up waiting for services when the time of a run by hand is over', async () => {
  const scene = on.scene();
  scene.activities.awaitServices = async () => {
    throw passing('ServicesUnavailable');
  };
  expect((await failureOf(regionOf(scene, { waitMs: 1_000 }))).type).toBe('ServicesUnavailable');
});

live('goes on waiting for services when a schedule began it', async () => {
  const scene = on.scene();
  scene.activities.awaitServices = async () => {
    if (scene.called('awaitServices').length < 15) throw passing('ServicesUnavailable');
    return { endpoints: [] };
  };
  expect(await regionOf(scene, { waitMs: null })).toMatchObject({ failureCount: 0 });
});

live('shows that it waits while services are missing', async () => {
  const scene = on.scene();
  let ready = false;
  scene.activities.awaitServices = async () => {
    if (!ready) throw passing('ServicesUnavailable');
    return { endpoints: [] };
  };
  const handle = await scene.startRegion({ waitMs: null });
  await until(async () => (await scene.attribute(handle.workflowId, 'Stage')) === 'waiting');
  ready = true;
  await handle.result();
  expect(await scene.attribute(handle.workflowId, 'Stage')).toBe('done');
});

live('fails at once for a wrong password', async () => {
  const scene = on.scene();
  scene.activities.awaitServices = async () => {
    throw failure('Unauthorized');
  };
  expect((await failureOf(regionOf(scene, { waitMs: null }))).type).toBe('Unauthorized');
  expect(scene.called('awaitServices')).toHaveLength(1);
});

live('tells a query what it is doing, image by image', async () => {
  const scene = on.scene();
  scene.wanted = [...scene.images('big'), image('small', SMALL)];
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const { downloadImage, syncSmallItem } = scene.activities;
  scene.activities.downloadImage = async (request) => held.then(() => downloadImage(request));
  scene.activities.syncSmallItem = async (request) => held.then(() => syncSmallItem(request));
  const handle = await scene.startRegion();
  await until(() => scene.called('downloadImage').length + scene.called('syncSmallItem').length === 2);
  const progress = await handle.query<Progress>('progress');
  release();
  expect(progress).toMatchObject({ stage: 'syncing', total: 2, done: 0 });
  expect(progress.active).toMatchObject([
    { label: 'big', workflowId: `image/${scene.mirror}/big` },
    { label: 'small', size: 1_000 },
  ]);
  expect(progress.active[1]).not.toHaveProperty('workflowId');
  expect(await handle.result()).toMatchObject({ summary: { added: 2 } });
});

live('carries product, release and arch of an image as search attributes', async () => {
  const scene = on.scene();
  scene.wanted = scene.images('a');
  await regionOf(scene);
  const attribute = (name: string) => scene.attribute(`image/${scene.mirror}/a`, name);
  expect(
    await Promise.all(['Mirror', 'Region', 'Product', 'Release', 'Arch', 'Stage'].map(attribute)),
  ).toEqual([scene.mirror, 'RegionOne', 'product', 'noble', 'amd64', 'done']);
});

live(
  'ends Cancelled when it is cancelled while downloading, its images too, and their activities hear of it',
  async () => {
    const scene = on.scene();
    scene.wanted = [...scene.images('a', 'b'), image('small', SMALL)];
    const heard: string[] = [];
    const listen = (name: string) => async () =>
      untilCancelled().catch((error: unknown) => {
        heard.push(name);
        throw error;
      });
    scene.activities.downloadImage = async ({ item }) => listen(item.key)();
    scene.activities.syncSmallItem = async ({ item }) => listen(item.key)();
    const handle = await scene.startRegion();
    await until(
      () => scene.called('downloadImage').length === 2 && scene.called('syncSmallItem').length === 1,
    );
    await handle.cancel();
    const error: unknown = await handle.result().catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect(error instanceof WorkflowFailedError && error.cause).toBeInstanceOf(CancelledFailure);
    expect(heard.sort()).toEqual(['a', 'b', 'small']);
    expect((await scene.describe(`image/${scene.mirror}/a`)).status.name).toBe('CANCELLED');
    expect(scene.called('uploadImage')).toEqual([]);
  },
);
