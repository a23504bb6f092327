import type { Activities } from '../contracts/activities.js';
import type { Dependencies } from './dependencies.js';
import { beating } from './heartbeat.js';

/** Asked before the first byte moves. */
export function probeRights({ settings, clouds }: Dependencies): Activities['probeRights'] {
  return async ({ run, target }) => {
    const { visibility } = await settings.ofRun(run);
    await beating(
      () => ({ stage: 'probe', visibility }),
      async () => (await clouds.glance(target)).probeVisibility(visibility),
    );
  };
}
