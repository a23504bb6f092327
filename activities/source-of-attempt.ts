import { z } from 'zod';
import type { MirrorSettings } from '../config/index.js';
import { ImageStreamError } from '../contracts/errors.js';
import { noNotes, type SourceNotes } from '../contracts/source-notes.js';
import { nextSource, noteFailure, sourcesFor } from '../mirrors/index.js';

/** Which attempt this is, from 1, and what those before learnt; `fromSource` writes down what this one learns. */
export interface SourceTurn {
  attempt: number;
  notes: SourceNotes;
}

const place = z.int().min(0);
const beatSchema = z.object({
  sources: z.object({
    asked: place.optional(),
    refused: z.array(place),
    wrong: z.array(place),
    waits: z.array(z.tuple([place, z.number()])),
  }),
});

/** The notes in the last heartbeat of the attempt before; none where it had none. */
export function notesOf(heartbeatDetails: unknown): SourceNotes {
  return beatSchema.safeParse(heartbeatDetails).data?.sources ?? noNotes();
}

/**
 * Reads from the source whose turn it is: first the mirror itself, then its fall-backs, round and round. The retries are
 * Temporal's, so that the last failure is to be seen there. One that is final for all sources ends them.
 */
export async function fromSource<T>(
  mirror: MirrorSettings,
  path: string,
  { attempt, notes }: SourceTurn,
  read: (url: string) => Promise<T>,
): Promise<T> {
  const sources = sourcesFor(mirror.url, mirror.fallbackUrls, path);
  const asked = nextSource(sources.length, attempt, notes, Date.now());
  notes.asked = asked;
  try {
    return await read(sources[asked] ?? mirror.url);
  } catch (error) {
    if (!(error instanceof ImageStreamError)) throw error;
    const { code, message, hint, details } = error;
    const verdict = noteFailure(sources.length, asked, error, notes, Date.now());
    throw new ImageStreamError(code, message, { hint, details, cause: error, ...verdict });
  }
}
