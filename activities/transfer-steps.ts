import { ImageStreamError } from '../contracts/errors.js';
import type { TransferBeat } from '../contracts/activities.js';
import type { DownloadResult, ImageItem, TargetRef, UploadResult } from '../contracts/sync.js';
import type { MirrorSettings } from '../config/index.js';
import { clearUnfinished, uploadImage } from '../targets/glance/upload.js';
import { printableUrl } from '../contracts/urls.js';
import type { Dependencies } from './dependencies.js';
import { refusal } from './refusals.js';
import { fromSource } from './source-of-attempt.js';

/** The steps of a transfer, shared by the activities of an image and the one activity of a small item. */
export interface TransferStep {
  signal: AbortSignal;
  /** From 1. */
  attempt: number;
  beat: TransferBeat;
}

/** Brings the bytes into staging, each attempt from the next source; what is there already is not fetched again. */
export async function download(
  { mirrors, staging }: Dependencies,
  mirror: MirrorSettings,
  item: ImageItem,
  { signal, attempt, beat }: TransferStep,
): Promise<DownloadResult> {
  return fromSource(mirror, item.path, { attempt, notes: beat.sources }, async (source) => {
    const { fetchedBytes, resumedFrom } = await staging.download({
      digest: item.digest,
      size: item.size,
      source: printableUrl(source),
      open: mirrors.of(mirror).openRange(source),
      signal,
      onProgress: ({ stage, offset, total }) => Object.assign(beat, { stage, offset, total }),
    });
    return { fetchedBytes, resumedFrom };
  });
}

/** The whole, verified file. @throws StagingLost */
export async function verify({ staging }: Dependencies, item: ImageItem): Promise<{ size: number }> {
  const file = await staging.find(item.digest, item.size);
  if (file) return { size: file.size };
  throw stagingLost(item, 'is not in staging');
}

/** Sends the staged bytes to Glance. @throws StagingLost, when they are gone or changed */
export async function upload(
  { staging, clouds }: Dependencies,
  target: TargetRef,
  item: ImageItem,
  { signal, beat }: TransferStep,
): Promise<UploadResult> {
  const session = await clouds.ofTarget(target);
  await session.freshToken(signal);
  const glance = await clouds.glance(target);
  Object.assign(beat, { stage: 'upload', offset: 0, total: item.size });
  try {
    const uploaded = await uploadImage({
      glance,
      staging,
      item,
      owner: target.fingerprint.projectId,
      signal,
      onProgress: (offset) => Object.assign(beat, { offset }),
    });
    await staging.release(item.digest);
    return uploaded;
  } catch (error) {
    if (!(error instanceof ImageStreamError)) throw error;
    const judged = error.code === 'StagingLost' ? error : refusal(error, beat);
    // Best effort: what cannot be deleted now is unfinished work for the next run.
    if (!judged.retryable && !signal.aborted) {
      await clearUnfinished({ glance, item, owner: target.fingerprint.projectId }).catch(() => undefined);
    }
    if (judged.code !== 'StagingLost') throw judged;
    await dropChanged(staging, item, signal);
    throw stagingLost(item, 'changed or went away in staging');
  }
}

/** Reads the file once more, which removes it when its bytes are not those of its digest. */
async function dropChanged(
  staging: Dependencies['staging'],
  item: ImageItem,
  signal: AbortSignal,
): Promise<void> {
  try {
    await staging.verify(item.digest, item.size, { signal });
  } catch (error) {
    if (!(error instanceof ImageStreamError)) throw error;
  }
}

/** Final for this activity: the workflow downloads again. */
function stagingLost(item: ImageItem, what: string): ImageStreamError {
  return new ImageStreamError('StagingLost', `${item.path} ${what}`, { retryable: false });
}
