/**
 * What the attempts at one file have learnt of its sources so far, each known by its place in the list: the mirror itself is 0,
 * then its fall-backs. It travels in the heartbeat, so that the next attempt knows.
 */
export interface SourceNotes {
  /** The one that was asked last. */
  asked?: number | undefined;
  /** Those that gave an answer which no further question changes: the file is not there, or not for us. */
  refused: number[];
  /** Those that sent wrong bytes, once for each time. */
  wrong: number[];
  /** Those that want to be left alone, and until when in milliseconds since 1970. */
  waits: [source: number, until: number][];
}

export function noNotes(): SourceNotes {
  return { refused: [], wrong: [], waits: [] };
}
