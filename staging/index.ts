export { digestText, FileHasher } from './digest.js';
export { Staging } from './staging.js';
export type * from './types.js';
