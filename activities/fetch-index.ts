import { Context } from '@temporalio/activity';
import type { Activities } from '../contracts/activities.js';
import type { Dependencies } from './dependencies.js';
import { beating } from './heartbeat.js';
import { notesOf } from './source-of-attempt.js';

/** Brings one document of the mirror into staging; each attempt asks the next of its sources. */
export function fetchIndex({ settings, documents }: Dependencies): Activities['fetchIndex'] {
  return async ({ run, path }) => {
    const mirror = await settings.ofRun(run);
    const { info } = Context.current();
    const { attempt } = info;
    const notes = notesOf(info.heartbeatDetails);
    return beating(
      () => ({ stage: 'document', path, sources: notes }),
      (signal) => documents.fetch(mirror, path, signal, { attempt, notes }),
    );
  };
}
