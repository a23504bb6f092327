export { createMirrorClient } from './client.js';
export { serveDirectory } from './serve-directory.js';
export { nextSource, noteFailure } from './source-turn.js';
export { sourcesFor } from './sources.js';
export type * from './types.js';
