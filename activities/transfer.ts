import { Context } from '@temporalio/activity';
import type { Activities, TransferBeat } from '../contracts/activities.js';
import { ImageStreamError, judgedAs } from '../contracts/errors.js';
import { finaliseImage } from '../targets/glance/finalise.js';
import type { Dependencies } from './dependencies.js';
import { bringFile, verifyFile } from './directory-steps.js';
import { beating } from './heartbeat.js';
import { refusal, refusedBefore } from './refusals.js';
import { notesOf } from './source-of-attempt.js';
import { download, upload, verify, type TransferStep } from './transfer-steps.js';

/** Runs one step, or several, with a heartbeat that says how far it is. */
async function stepping<T>(total: number, work: (step: TransferStep) => Promise<T>): Promise<T> {
  const { info } = Context.current();
  const { attempt } = info;
  const before: unknown = info.heartbeatDetails;
  const beat: TransferBeat = {
    stage: 'download',
    offset: 0,
    total,
    sources: notesOf(before),
    refused: refusedBefore(before),
  };
  return beating(
    () => ({ ...beat }),
    (signal) => work({ signal, attempt, beat }),
  );
}

/** Brings an item's bytes into staging, going on from whatever is already there. Idempotent. */
export function downloadImage(dependencies: Dependencies): Activities['downloadImage'] {
  return async ({ run, item }) => {
    const mirror = await dependencies.settings.ofRun(run);
    const { directory } = mirror;
    return stepping(item.size, (step) =>
      directory
        ? bringFile(dependencies, mirror, directory, item, step)
        : download(dependencies, mirror, item, step),
    );
  };
}

/**
 * The staged file has the strongest digest that the mirror names, and its size: both were checked by the download, or by reading
 * the disk again where that one was resumed; the upload reads and compares once more.
 */
export function verifyChecksum(dependencies: Dependencies): Activities['verifyChecksum'] {
  return async ({ run, item }) => {
    const { directory } = await dependencies.settings.ofRun(run);
    return stepping(item.size, () =>
      directory ? verifyFile(dependencies, directory, item) : verify(dependencies, item),
    );
  };
}

/** Sends the staged file to Glance as a private image, once. */
export function uploadImage(dependencies: Dependencies): Activities['uploadImage'] {
  return async ({ run, target, item }) => {
    const { directory } = await dependencies.settings.ofRun(run);
    // What a directory gets was put there by the download.
    if (directory) return { imageId: item.path, uploadedBytes: item.size };
    return stepping(item.size, (step) => upload(dependencies, target, item, step));
  };
}

/** Losses of the staged file before its upload that are made good by another download, as in the workflow of a large one. */
const MAX_LOSSES = 3;

/** The same steps in one activity, for items so small that a workflow of their own would cost more than they do. */
export function syncSmallItem(dependencies: Dependencies): Activities['syncSmallItem'] {
  return async ({ run, target, item }) => {
    const mirror = await dependencies.settings.ofRun(run);
    const { directory } = mirror;
    return stepping(item.size, async (step) => {
      if (directory) {
        const brought = await bringFile(dependencies, mirror, directory, item, step);
        return { imageId: item.path, uploadedBytes: item.size, fetchedBytes: brought.fetchedBytes };
      }
      let fetchedBytes = 0;
      for (let losses = 0; ; losses += 1) {
        fetchedBytes += (await download(dependencies, mirror, item, step)).fetchedBytes;
        try {
          const uploaded = await upload(dependencies, target, item, step);
          const glance = await dependencies.clouds.glance(target);
          await finaliseImage(glance, uploaded.imageId, item).catch((error: unknown) => {
            const gone = error instanceof ImageStreamError && error.code === 'ImageGone';
            throw gone ? refusal(judgedAs(error, true), step.beat) : error;
          });
          return { ...uploaded, fetchedBytes };
        } catch (error) {
          const lost = error instanceof ImageStreamError && error.code === 'StagingLost';
          if (!lost || losses >= MAX_LOSSES) throw error;
        }
      }
    });
  };
}
