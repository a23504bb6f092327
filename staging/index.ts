export { Staging } from './staging.js';
export type * from './types.js';
