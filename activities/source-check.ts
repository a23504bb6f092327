import type { MirrorSettings } from '../config/index.js';
import { ImageStreamError } from '../contracts/errors.js';
import type { DocumentRef, SourceMark, TargetRef } from '../contracts/sync.js';
import { contentIdFor } from '../targets/content-id.js';
import { INDEX_PATH } from '../targets/publish/documents.js';
import { marksInIndex } from '../targets/publish/source-marks.js';
import { laterMark, regression } from '../targets/source-mark.js';
import type { Dependencies } from './dependencies.js';
import { destinationOf } from './publish.js';
import { sourceState } from './source-state.js';

/**
 * Refuses a source that has gone back behind its mark, so that a hijacked or broken mirror empties no cloud. The mark is kept in the
 * state folder of this host and in the published index; the later of them counts. Gives what the user should be told.
 * @throws {ImageStreamError} SourceRegressed
 */
export async function checkSource(
  dependencies: Dependencies,
  mirror: MirrorSettings,
  target: TargetRef,
  refs: readonly DocumentRef[],
  allowOlder: boolean,
  signal: AbortSignal,
): Promise<string[]> {
  const { state, undated } = await sourceState(dependencies.documents, mirror, refs, signal);
  const warnings = undated.map(
    (path) => `the date of ${path} cannot be read, so that an older one could not be told from it`,
  );
  if (allowOlder || mirror.allowOlder) return warnings;
  const { mark, warning } = await markFor(dependencies, mirror, target);
  if (warning !== undefined) warnings.push(warning);
  const back = mark && regression(mark, state, mirror.shrinkLimit);
  if (back === undefined) return warnings;
  throw new ImageStreamError('SourceRegressed', `The mirror ${mirror.name} has gone back: ${back}`);
}

/** An index that cannot be read now holds up no sync: the state folder has the mark as well. */
async function markFor(
  dependencies: Dependencies,
  mirror: MirrorSettings,
  target: TargetRef,
): Promise<{ mark: SourceMark | undefined; warning?: string }> {
  const here = await dependencies.marks.read(mirror.name);
  try {
    const destination = await destinationOf(dependencies, target);
    const index = await destination?.read(INDEX_PATH);
    const published = marksInIndex(index, contentIdFor(mirror, target.region)).get(mirror.name);
    return { mark: laterMark([here, published]) };
  } catch (error) {
    if (!(error instanceof ImageStreamError)) throw error;
    const warning = `the mark of the source in the published index could not be read: ${error.message}`;
    return { mark: here, warning };
  }
}
