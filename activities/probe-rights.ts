import { Context } from '@temporalio/activity';
import type { Activities } from '../contracts/activities.js';
import type { Dependencies } from './dependencies.js';
import { beating } from './heartbeat.js';

/** Asked before the first byte moves. The run is the one who asks, so that its next attempt clears away what a crash left. */
export function probeRights({ settings, clouds }: Dependencies): Activities['probeRights'] {
  return async ({ run, target }) => {
    const { visibility, directory } = await settings.ofRun(run);
    // A directory was written to when it was opened.
    if (directory) return;
    const { workflowExecution } = Context.current().info;
    const asker = workflowExecution?.runId;
    await beating(
      () => ({ stage: 'probe', visibility }),
      async (signal) =>
        (await clouds.glance(target)).probeVisibility(visibility, {
          signal,
          ...(asker === undefined ? {} : { asker }),
        }),
    );
  };
}
