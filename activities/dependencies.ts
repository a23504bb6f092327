import type { Client } from '@temporalio/client';
import type { Configuration, Settings } from '../config/index.js';
import type { Staging } from '../staging/index.js';
import type { Clouds } from './clouds.js';
import type { Directories } from './directories.js';
import type { Documents } from './documents.js';
import type { MirrorSources } from './mirror-sources.js';
import type { StateMarks } from './state-marks.js';

/** What activities are built on; a worker makes one of it. */
export interface Dependencies {
  configuration: Configuration;
  settings: Settings;
  clouds: Clouds;
  directories: Directories;
  documents: Documents;
  mirrors: MirrorSources;
  staging: Staging;
  /** What was last seen of the mirrors, on this host. */
  marks: StateMarks;
  /** For the activities that speak to Temporal itself. */
  client: Client;
  /** Version of image-stream. */
  build: string;
}
