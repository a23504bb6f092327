import type { ImageStreamError } from '../contracts/errors.js';
import type { SourceNotes } from '../contracts/source-notes.js';

/** What becomes of a file after one source failed. */
interface Verdict {
  /** Whether any source is worth another question. */
  retryable: boolean;
  /** Milliseconds until one may be asked, where all of them want to be left alone. */
  retryAfterMs?: number;
}

/**
 * The source whose turn it is: the one after the last asked, without those that refused for good, and with those that asked for
 * time only where there is no other. Attempts count from 1; a crash loses the notes of its last two seconds, no more.
 */
export function nextSource(count: number, attempt: number, notes: SourceNotes, now: number): number {
  const first = notes.asked === undefined ? Math.max(1, Math.trunc(attempt)) - 1 : notes.asked + 1;
  const inTurn = Array.from({ length: count }, (_, step) => (first + step) % count);
  const asking = inTurn.filter((source) => !notes.refused.includes(source));
  const free = asking.find((source) => waitOf(notes, source) <= now);
  if (free !== undefined) return free;
  const [soonest = 0] = asking.sort((a, b) => waitOf(notes, a) - waitOf(notes, b));
  return soonest;
}

/**
 * Notes what a source did and says what follows. What is final for one source is worth a try at the others, and wrong bytes are worth
 * one more download than there are sources.
 */
export function noteFailure(
  count: number,
  source: number,
  error: ImageStreamError,
  notes: SourceNotes,
  now: number,
): Verdict {
  const { code, retryable, retryAfterMs } = error;
  const ofSource = code.startsWith('Mirror') || code === 'DocumentTooLarge';
  if (code === 'ChecksumMismatch' || code === 'SizeMismatch') notes.wrong.push(source);
  else if (!ofSource) return { retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  else if (!retryable) notes.refused.push(source);
  notes.waits = notes.waits.filter(([other, until]) => other !== source && until > now);
  if (retryAfterMs !== undefined) notes.waits.push([source, now + retryAfterMs]);

  const asking = Array.from({ length: count }, (_, index) => index).filter(
    (index) => !notes.refused.includes(index),
  );
  if (asking.length === 0 || notes.wrong.length > asking.length) return { retryable: false };
  const soonest = Math.min(...asking.map((index) => waitOf(notes, index)));
  return { retryable: true, ...(soonest > now && { retryAfterMs: soonest - now }) };
}

function waitOf({ waits }: SourceNotes, source: number): number {
  return waits.find(([other]) => other === source)?.[1] ?? 0;
}
