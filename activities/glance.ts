import { Context } from '@temporalio/activity';
import type { Activities } from '../contracts/activities.js';
import { finaliseImage as finalise } from '../targets/glance/finalise.js';
import { removeImages as remove } from '../targets/glance/remove.js';
import type { Dependencies } from './dependencies.js';
import { beating } from './heartbeat.js';

/** Properties, then visibility: an image is public only when it is whole and verified. */
export function finaliseImage({ settings, clouds }: Dependencies): Activities['finaliseImage'] {
  return async ({ run, target, item, imageId }) => {
    // A file of a directory is whole and verified as soon as it has its name.
    if ((await settings.ofRun(run)).directory) return;
    await beating(
      () => ({ stage: 'finalise', image: imageId }),
      async () => finalise(await clouds.glance(target), imageId, item),
    );
  };
}

export function removeImages({ settings, clouds }: Dependencies): Activities['removeImages'] {
  return async ({ run, target, removals }) => {
    await settings.ofRun(run);
    const glance = await clouds.glance(target);
    let done = 0;
    return beating(
      () => ({ stage: 'remove', done, total: removals.length }),
      (signal) =>
        remove(
          glance,
          removals,
          (count) => {
            done = count;
          },
          { signal, begun: Context.current().info.attempt > 1 },
        ),
    );
  };
}
