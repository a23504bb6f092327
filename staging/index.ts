export { hasCode, syncFolderOf } from './disk.js';
export { makeFolder } from './make-folder.js';
export { Staging } from './staging.js';
export type * from './types.js';
