export type {
  CloudSettings,
  Configuration,
  MirrorSettings,
  PublishSettings,
  ScheduleSettings,
  StagingSettings,
} from './configuration.js';
export { checkConfiguration, type ConfigurationCheck } from './check.js';
export { configDigest, unknownMirror } from './digest.js';
export { loadConfiguration, type LoadOptions } from './load.js';
export { Settings, configurationDiffers, type MirrorIdentity } from './settings.js';
export { stateFolder } from './state-folder.js';
