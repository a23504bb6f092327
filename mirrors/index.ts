export { createMirrorClient } from './client.js';
export { serveDirectory } from './serve-directory.js';
export { sourceOfAttempt, sourcesFor } from './sources.js';
export type * from './types.js';
