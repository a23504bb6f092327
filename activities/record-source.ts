import type { Activities } from '../contracts/activities.js';
import { ImageStreamError } from '../contracts/errors.js';
import type { SourceMark, TargetRef } from '../contracts/sync.js';
import { contentIdFor } from '../targets/content-id.js';
import { INDEX_PATH } from '../targets/publish/documents.js';
import { marksInIndex } from '../targets/publish/source-marks.js';
import { marks } from '../targets/source-mark.js';
import type { Dependencies } from './dependencies.js';
import { beating } from './heartbeat.js';
import { destinationOf } from './publish.js';
import { askWriter } from './request-publish.js';
import { sourceState } from './source-state.js';

/**
 * Keeps what a mirror served as its mark, after a run of it that ended well: in the state folder of this host, and in each published
 * index by the one writer of it. What says the same already is left as it is.
 */
export function recordSource(dependencies: Dependencies): Activities['recordSource'] {
  return async ({ run, targets, documents, requestId }) => {
    const mirror = await dependencies.settings.ofRun(run);
    return beating(
      () => ({ stage: 'mark' }),
      async (signal) => {
        const { state } = await sourceState(dependencies.documents, mirror, documents, signal);
        const mark: SourceMark = { ...state, seen: new Date().toISOString() };
        const warnings: string[] = [];
        const kept = await dependencies.marks.read(mirror.name);
        if (!marks(kept, state)) {
          await told(warnings, dependencies.marks.write(mirror.name, mark));
        }
        for (const [index, target] of targets.entries()) {
          await told(warnings, publish(target, `${requestId}/${index}`));
        }
        return { warnings };

        async function publish(target: TargetRef, id: string): Promise<void> {
          const destination = await destinationOf(dependencies, target);
          const index = await destination?.read(INDEX_PATH);
          if (destination === undefined || index === undefined) return;
          const there = marksInIndex(index, contentIdFor(mirror, target.region)).get(mirror.name);
          if (marks(there, state)) return;
          await askWriter(
            dependencies,
            destination.key,
            { id, run, target, mark: JSON.stringify(mark) },
            signal,
          );
        }
      },
    );
  };
}

/** A mark that could not be kept is no failure of the sync: the older one counts. */
async function told(warnings: string[], work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof ImageStreamError)) throw error;
    warnings.push(`the mark of the source could not be kept: ${error.message}`);
  }
}
