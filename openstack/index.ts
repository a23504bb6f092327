export { Catalogue } from './catalogue.js';
export type { CatalogueEndpoint, CatalogueService } from './catalogue.js';
export { loadCloud } from './cloud-config.js';
export type { LoadCloudOptions } from './cloud-config.js';
export type { CloudConfig, CloudDescription, EndpointInterface } from './cloud-types.js';
export { describeCloud } from './describe-cloud.js';
export { Glance } from './glance.js';
export type { GlanceImage, ImageChanges, NewImage, PatchOperation, Visibility } from './glance-image.js';
export type { ImageFilters } from './glance-list.js';
export type { UploadOptions } from './glance-upload.js';
export { Nova } from './nova.js';
export { Session } from './session.js';
export type { CloudIdentity, SessionOptions } from './session.js';
export { KeystoneAdmin } from './keystone-admin.js';
export type {
  Change,
  KeystoneEndpoint,
  KeystoneService,
  WantedEndpoint,
  WantedService,
} from './keystone-admin.js';
export { Swift } from './swift.js';
export type {
  ContainerOptions,
  GetOptions,
  ListedObject,
  ObjectFacts,
  PutOptions,
  StoredObject,
} from './swift.js';
