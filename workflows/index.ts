export { publishStreams } from './publish-streams.js';
export { scheduledSync } from './scheduled-sync.js';
export { syncImage } from './sync-image.js';
export { syncMirror } from './sync-mirror.js';
export { syncRegion } from './sync-region.js';
