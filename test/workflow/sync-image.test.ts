import { expect, test } from 'vitest';
import type { SyncImageInput, SyncImageResult } from '../../contracts/workflows.js';
import { failure, failureOf, passing, stage, until, untilCancelled, type Scene } from './scene.js';

const on = stage();
const live = test.concurrent;

async function start(scene: Scene, more: Partial<SyncImageInput> = {}) {
  const [item] = scene.images('disk');
  return on.env.client.workflow.start('syncImage', {
    workflowId: item!.workflowId,
    taskQueue: 'image-stream',
    args: [{ run: scene.run, target: scene.target(), item, transferTimeoutMs: 60_000, ...more }],
  });
}

async function bring(scene: Scene, more: Partial<SyncImageInput> = {}): Promise<SyncImageResult> {
  return (await (await start(scene, more)).result()) as SyncImageResult;
}

const names = (scene: Scene) => scene.calls.map(({ name }) => name);

live('stages, verifies, uploads and shows an image, in this order', async () => {
  const scene = on.scene();
  expect(await bring(scene)).toEqual({
    imageId: 'id-disk',
    uploadedBytes: 100_000_000,
    fetchedBytes: 100_000_000,
  });
  expect(names(scene)).toEqual([
    'claimStaging',
    'downloadImage',
    'verifyChecksum',
    'uploadImage',
    'finaliseImage',
  ]);
});

live('never shows an image whose checksum is wrong', async () => {
  const scene = on.scene();
  scene.activities.verifyChecksum = async () => {
    throw failure('ChecksumMismatch');
  };
  expect((await failureOf(bring(scene))).type).toBe('ChecksumMismatch');
  expect(names(scene)).not.toContain('uploadImage');
});

live('never shows an image whose upload failed', async () => {
  const scene = on.scene();
  scene.activities.uploadImage = async () => {
    throw failure('HashMismatch');
  };
  expect((await failureOf(bring(scene))).type).toBe('HashMismatch');
  expect(names(scene)).not.toContain('finaliseImage');
});

live('tries a step again that failed in passing, from where staging is', async () => {
  const scene = on.scene();
  const { uploadImage } = scene.activities;
  scene.activities.uploadImage = async (request) => {
    if (scene.called('uploadImage').length === 1) throw passing('CloudError');
    return uploadImage(request);
  };
  await bring(scene);
  expect(scene.called('downloadImage')).toHaveLength(1);
  expect(scene.called('uploadImage').map(({ attempt }) => attempt)).toEqual([1, 2]);
});

live('downloads again when the staged file is lost, and counts all bytes', async () => {
  const scene = on.scene();
  const { uploadImage } = scene.activities;
  scene.activities.uploadImage = async (request) => {
    if (scene.called('uploadImage').length === 1) throw failure('StagingLost');
    return uploadImage(request);
  };
  expect(await bring(scene)).toMatchObject({ fetchedBytes: 200_000_000, uploadedBytes: 100_000_000 });
});

live('gives up a file that is lost again and again', async () => {
  const scene = on.scene();
  scene.activities.verifyChecksum = async () => {
    throw failure('StagingLost');
  };
  expect((await failureOf(bring(scene))).type).toBe('StagingLost');
  expect(scene.called('downloadImage')).toHaveLength(4);
});

live('brings an image again that somebody deleted before it was shown', async () => {
  const scene = on.scene();
  const { finaliseImage } = scene.activities;
  scene.activities.finaliseImage = async (request) => {
    if (scene.called('finaliseImage').length === 1) throw failure('ImageGone');
    return finaliseImage(request);
  };
  expect(await bring(scene)).toMatchObject({ imageId: 'id-disk' });
  expect(scene.called('uploadImage')).toHaveLength(2);
});

live('gives up an image that is deleted each time', async () => {
  const scene = on.scene();
  scene.activities.finaliseImage = async () => {
    throw failure('ImageGone');
  };
  expect((await failureOf(bring(scene))).type).toBe('ImageGone');
  expect(scene.called('uploadImage')).toHaveLength(4);
});

live('takes its steps on the host that claimed the image', async () => {
  const scene = on.scene();
  const stagingId = `${scene.mirror}.host`;
  scene.activities.claimStaging = async () => ({ stagingId });
  const leave = await on.host(stagingId);
  await bring(scene);
  await leave();
  expect(scene.called('claimStaging')).toHaveLength(1);
});

live(
  'goes on at another host when the one that claimed the image is gone',
  async () => {
    const scene = on.scene();
    scene.activities.claimStaging = async () => ({
      stagingId: scene.called('claimStaging').length === 1 ? `${scene.mirror}.gone` : 'shared',
    });
    scene.activities.stagingAlive = async () => false;
    expect(await bring(scene)).toMatchObject({ imageId: 'id-disk' });
    expect(scene.called('claimStaging')).toHaveLength(2);
    expect(scene.called('stagingAlive')).toMatchObject([{ request: { stagingId: `${scene.mirror}.gone` } }]);
  },
  60_000,
);

live(
  'waits on for a host that is there but busy',
  async () => {
    const scene = on.scene();
    const stagingId = `${scene.mirror}.busy`;
    scene.activities.claimStaging = async () => ({ stagingId });
    scene.activities.stagingAlive = async () => true;
    const handle = await start(scene);
    await until(() => scene.called('stagingAlive').length > 0, 50_000);
    const leave = await on.host(stagingId);
    await handle.result();
    await leave();
    expect(scene.called('claimStaging')).toHaveLength(1);
  },
  90_000,
);

live(
  'goes on at another host when its own dies with the file half there',
  async () => {
    const scene = on.scene();
    const stagingId = `${scene.mirror}.dying`;
    scene.activities.claimStaging = async () => ({
      stagingId: scene.called('claimStaging').length === 1 ? stagingId : 'shared',
    });
    scene.activities.stagingAlive = async () => false;
    const { downloadImage } = scene.activities;
    scene.activities.downloadImage = async (request) =>
      scene.called('downloadImage').length === 1 ? untilCancelled() : downloadImage(request);
    const leave = await on.host(stagingId);
    const handle = await start(scene);
    await until(() => scene.called('downloadImage').length === 1);
    await leave();
    expect(await handle.result()).toMatchObject({ imageId: 'id-disk' });
    expect(scene.called('claimStaging')).toHaveLength(2);
  },
  90_000,
);

live('gives up a transfer that takes longer than it may, and says which', async () => {
  const scene = on.scene();
  scene.wanted = scene.images('slow');
  scene.activities.downloadImage = untilCancelled;
  const settings = { ...scene.settings, transferTimeoutMs: 2_000 };
  const handle = await scene.startRegion({ settings });
  expect(await handle.result()).toMatchObject({
    summary: {
      failures: [{ item: 'slow', code: 'TimedOut', message: 'downloadImage took longer than it may' }],
    },
  });
});

live('names the last failure when its retries ran out of time', async () => {
  const scene = on.scene();
  scene.wanted = scene.images('slow');
  scene.activities.downloadImage = async () => {
    throw passing('MirrorUnreachable');
  };
  const settings = { ...scene.settings, transferTimeoutMs: 2_000 };
  const handle = await scene.startRegion({ settings });
  expect(await handle.result()).toMatchObject({ summary: { failures: [{ code: 'MirrorUnreachable' }] } });
});

live('leaves nothing behind but staged bytes when it is cancelled during the upload', async () => {
  const scene = on.scene();
  scene.activities.uploadImage = untilCancelled;
  const handle = await start(scene);
  await until(() => scene.called('uploadImage').length > 0);
  expect(await scene.attribute(handle.workflowId, 'Stage')).toBe('uploading');
  await handle.cancel();
  await handle.result().catch(() => undefined);
  expect((await scene.describe(handle.workflowId)).status.name).toBe('CANCELLED');
  expect(names(scene)).not.toContain('finaliseImage');
});

live('says in its current details where the image is', async () => {
  const scene = on.scene();
  scene.activities.downloadImage = untilCancelled;
  const handle = await start(scene);
  await until(() => scene.called('downloadImage').length > 0);
  const metadata = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  await handle.cancel();
  expect(metadata.currentDetails).toBe('Downloading images/disk (95.4 MiB)');
});
