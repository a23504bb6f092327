import type { Activities } from '../contracts/activities.js';
import type { Dependencies } from './dependencies.js';

/** Asked before the first byte moves. */
export function probeRights({ settings, clouds }: Dependencies): Activities['probeRights'] {
  return async ({ run, target }) => {
    const { visibility } = await settings.ofRun(run);
    const glance = await clouds.glance(target);
    await glance.probeVisibility(visibility);
  };
}
