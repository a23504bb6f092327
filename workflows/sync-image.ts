import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { SyncImageInput, SyncImageResult } from '../contracts/workflows.js';
import type { UploadResult } from '../contracts/sync.js';
import { failureFacts, notStarted } from './failures.js';
import { claim, cloudSteps, itemSummary, localSteps, stagedSteps } from './steps.js';
import { formatBytes } from '../contracts/bytes.js';
import { tell } from './story.js';

/** Hosts that may lose the image on the way before it is given up; losses of the staged file on one of them, or of the image in Glance. */
const MAX_HOSTS = 5;
const MAX_LOSSES = 3;

/**
 * One image: into staging, verified, into Glance, and visible at last. Its workflow id is the lock: an identity is uploaded by
 * one run at a time.
 */
export async function syncImage(input: SyncImageInput): Promise<SyncImageResult> {
  const { run, target, item } = input;
  let fetchedBytes = 0;
  for (let gone = 0; ; gone += 1) {
    const upload = await throughHosts(input);
    fetchedBytes += upload.fetchedBytes;
    try {
      tell('publishing', `Making ${item.image.name} ${item.image.visibility}`);
      await cloudSteps(itemSummary(item)).finaliseImage({ run, target, item, imageId: upload.imageId });
      tell('done', `Image ${upload.imageId} is ${item.image.visibility}`);
      return { ...upload, fetchedBytes };
    } catch (error) {
      const facts = failureFacts(error);
      if (facts.code !== 'ImageGone' || gone >= MAX_LOSSES) throw error;
      tell('uploading', `${facts.message}; it is brought again`);
    }
  }
}

async function throughHosts(input: SyncImageInput): Promise<SyncImageResult> {
  const { run, item } = input;
  let fetchedBytes = 0;
  for (let host = 1; host <= MAX_HOSTS; host += 1) {
    const { stagingId } = await claim(itemSummary(item)).claimStaging({ run, item });
    const result = await throughStaging(input, stagingId);
    fetchedBytes += result.fetchedBytes;
    if (result.upload) return { ...result.upload, fetchedBytes };
  }
  throw ApplicationFailure.nonRetryable(
    `${MAX_HOSTS} hosts went away with ${item.path} staged`,
    'StagingLost',
  );
}

/** Without `upload` when the host that staged the file is gone. */
async function throughStaging(
  { run, target, item, transferTimeoutMs }: SyncImageInput,
  stagingId: string,
): Promise<{ fetchedBytes: number; upload?: UploadResult }> {
  const steps = stagedSteps(stagingId, transferTimeoutMs, itemSummary(item));
  let fetchedBytes = 0;
  for (let losses = 0; ;) {
    try {
      tell('downloading', `Downloading ${item.path} (${formatBytes(item.size)})`);
      fetchedBytes += (await steps.downloadImage({ run, item })).fetchedBytes;
      await steps.verifyChecksum({ run, item });
      tell(
        'uploading',
        `Uploading ${formatBytes(item.size)} to ${target.cloud}/${target.region} as ${item.image.name}`,
      );
      return { fetchedBytes, upload: await steps.uploadImage({ run, target, item }) };
    } catch (error) {
      if (notStarted(error)) {
        if (await localSteps('is its host alive?').stagingAlive({ stagingId })) continue;
        return { fetchedBytes };
      }
      const facts = failureFacts(error);
      losses += 1;
      if (facts.code !== 'StagingLost' || losses > MAX_LOSSES) throw error;
      tell('downloading', `${facts.message}; run ${workflowInfo().runId} stages it again`);
    }
  }
}
