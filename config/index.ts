export type {
  CloudSettings,
  Configuration,
  DirectorySettings,
  MirrorSettings,
  ScheduleSettings,
} from './configuration.js';
export { checkConfiguration } from './check.js';
export { configDigest, unknownMirror } from './digest.js';
export { loadConfiguration } from './load.js';
export { Settings, configurationDiffers, type MirrorIdentity } from './settings.js';
export { stateFolder } from './state-folder.js';
