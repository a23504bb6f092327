import type { MetadataDifference } from '../../contracts/sync.js';

/** Where stream metadata is written: a Swift container or a directory. Paths are relative, such as `streams/v1/index.json`. */
export interface Destination {
  /** Names the place: one writer at a time for each. */
  readonly key: string;
  /** Where clients read it, without trailing slash; empty when image-stream does not know. */
  readonly publicUrl: string;
  /** What `prepare` would mend, undefined where that is nothing. */
  unprepared(): Promise<MetadataDifference | undefined>;
  /** Makes the place ready to be written and read. */
  prepare(): Promise<void>;
  /** Undefined where there is no such document. */
  read(path: string): Promise<string | undefined>;
  /** Replaces a document as a whole: readers see the old one or the new one. */
  write(path: string, text: string): Promise<void>;
}
