import { ImageStreamError } from '../contracts/errors.js';
import { compareCodePoints } from './code-points.js';

export interface ResolveWorkInput {
  /** Version names that the mirror has. */
  readonly source: Iterable<string>;
  /** Version names that the target has. */
  readonly target: Iterable<string>;
  /** How many versions the target should hold at most; no limit when absent. */
  readonly max?: number | undefined;
  /** Versions gone from the mirror stay, newest first, while the target would hold fewer than `max` without them. */
  readonly keep?: boolean | undefined;
  /** Whether a version of the source may be added. */
  readonly accept?: ((version: string) => boolean) | undefined;
  /** Which versions count as newest; by code point the last ones. */
  readonly newest?: 'last' | 'first' | undefined;
}

export interface ResolvedWork {
  /** Newest first: the order to upload in. */
  readonly add: string[];
  /** Oldest first: the order to remove in. */
  readonly remove: string[];
}

/**
 * Which versions of one product to add and which to remove (reference §2.3). Names are ordered by code point.
 * @throws {ImageStreamError} ConfigInvalid, for `keep` without `max` and a `max` that is no whole number from 0
 */
export function resolveWork(input: ResolveWorkInput): ResolvedWork {
  const { max, keep = false, accept = () => true, newest = 'last' } = input;
  checkLimits(max, keep);
  const newestFirst = (a: string, b: string) =>
    newest === 'last' ? compareCodePoints(b, a) : compareCodePoints(a, b);

  const source = new Set(input.source);
  const target = new Set(input.target);
  let add = [...source].filter((version) => accept(version) && !target.has(version)).sort(newestFirst);
  let remove = [...target].filter((version) => !source.has(version)).sort(newestFirst);

  if (keep && max !== undefined) {
    const without = target.size + add.length - remove.length;
    remove = remove.slice(Math.min(remove.length, Math.max(0, max - without)));
  }

  const removed = new Set(remove);
  const held = [...target]
    .filter((version) => !removed.has(version))
    .concat(add)
    .sort(newestFirst);
  if (max !== undefined && held.length > max) {
    const surplus = new Set(held.slice(max));
    add = add.filter((version) => !surplus.has(version));
    remove = remove.concat([...surplus].filter((version) => target.has(version)));
  }
  return { add, remove: remove.sort((a, b) => newestFirst(b, a)) };
}

function checkLimits(max: number | undefined, keep: boolean): void {
  if (max !== undefined && !(Number.isSafeInteger(max) && max >= 0)) {
    throw new ImageStreamError('ConfigInvalid', `max is ${String(max)}, which is no whole number from 0`, {
      hint: 'Write how many versions of each product to hold, or leave max away.',
    });
  }
  if (keep && max === undefined) {
    throw new ImageStreamError('ConfigInvalid', 'keep needs max: how many versions to hold', {
      hint: 'Set max beside keep.',
    });
  }
}
