import { ImageStreamError } from '../contracts/errors.js';
import type { IndexEntry, StreamDocument } from './document.js';

/** A document that a walk leads to. */
export interface WalkStep {
  readonly path: string;
  /** Paths of the indexes that led here, outermost first. */
  readonly trail: readonly string[];
  /** The entry that named it; the first document has none. */
  readonly contentId: string | undefined;
}

/** What a walk knows, as plain data: it can be kept between two attempts. */
export interface WalkState {
  readonly pending: readonly WalkStep[];
  readonly seen: readonly string[];
}

export interface WalkLimits {
  /** Indexes above a document. */
  readonly depth: number;
  /** Documents in all. */
  readonly documents: number;
}

const DEFAULT_LIMITS: WalkLimits = { depth: 8, documents: 1000 };

/**
 * The way through an index, its nested indexes and its products documents, without any fetching: ask `next()` for a path,
 * fetch and parse it, hand the document to `visited()`, until `next()` has no more. Each document comes once, in the order of the
 * text, and what an entry leads to before the entry after it.
 */
export class IndexWalk {
  private readonly pending: WalkStep[];
  private readonly seen: Set<string>;

  constructor(
    start: string | WalkState,
    private readonly limits: WalkLimits = DEFAULT_LIMITS,
  ) {
    const state =
      typeof start === 'string'
        ? { pending: [{ path: start, trail: [], contentId: undefined }], seen: [] }
        : start;
    this.pending = [...state.pending].reverse();
    this.seen = new Set(state.seen);
  }

  /** The next document to fetch; undefined at the end. Stays the same until `visited()`. */
  next(): WalkStep | undefined {
    return this.pending.at(-1);
  }

  /**
   * Takes the document of the step that `next()` gave and finds where it leads.
   * @param wanted which entries of an index to follow, by the index filters; all by default
   * @throws {ImageStreamError} DocumentCycle, when an index leads back to itself, too deep or to too many documents
   */
  visited(document: StreamDocument, wanted: (entry: IndexEntry) => boolean = () => true): void {
    const step = this.pending.pop();
    if (!step) throw new RangeError('the walk is at its end');
    this.seen.add(samePath(step.path));
    if (document.kind === 'index') {
      const trail = [...step.trail, step.path];
      const found = document.entries.filter((entry) => leadsOn(entry) && wanted(entry));
      this.pending.push(...found.flatMap((entry) => this.stepTo(entry, trail)).reverse());
      if (this.seen.size + this.pending.length > this.limits.documents) {
        refuse(`the index ${trail[0] ?? ''} leads to more than ${this.limits.documents} documents`, trail);
      }
    }
    // A path named twice is fetched once: what was visited meanwhile is no step any more.
    for (let top = this.pending.at(-1); top && this.seen.has(samePath(top.path)); top = this.pending.at(-1)) {
      this.pending.pop();
    }
  }

  state(): WalkState {
    return { pending: [...this.pending].reverse(), seen: [...this.seen] };
  }

  private stepTo(entry: IndexEntry, trail: readonly string[]): WalkStep[] {
    if (entry.path === undefined) return [];
    const path = samePath(entry.path);
    if (trail.some((above) => samePath(above) === path)) {
      return refuse(`the index ${trail.at(-1) ?? ''} leads back to ${entry.path}, which leads to it`, trail);
    }
    if (this.seen.has(path)) return [];
    if (trail.length > this.limits.depth) {
      return refuse(`the index ${trail[0] ?? ''} nests deeper than ${this.limits.depth} indexes`, trail);
    }
    return [{ path: entry.path, trail, contentId: entry.contentId }];
  }
}

/** Entries of other formats are data for filters and lead nowhere. */
function leadsOn(entry: IndexEntry): boolean {
  return entry.path !== undefined && (entry.format === 'index:1.0' || entry.format === 'products:1.0');
}

/** Spellings of one path, so that a circle cannot hide behind `./` and `//`. */
function samePath(path: string): string {
  return path
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/');
}

function refuse(message: string, trail: readonly string[]): never {
  throw new ImageStreamError('DocumentCycle', message, { details: { trail: [...trail] } });
}
