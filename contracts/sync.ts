/** What passes between workflows, activities, the command and other services: names, digests, counts; never a secret. */

/** Which settings a run means: the mirror's name and the digest of everything that decides what the run does. */
export interface RunRef {
  mirror: string;
  configurationDigest: string;
}

/** The cloud and project a run was started for; an activity refuses another one. */
export interface CloudFingerprint {
  authUrl: string;
  projectId: string;
}

export interface TargetRef {
  cloud: string;
  region: string;
  fingerprint: CloudFingerprint;
}

export type DigestAlgorithm = 'sha512' | 'sha256' | 'md5';

export interface Digest {
  algorithm: DigestAlgorithm;
  /** Lower-case hexadecimal. */
  hex: string;
}

/** A document of the mirror in staging. */
export interface DocumentRef {
  path: string;
  /** SHA-256 of the bytes as fetched, signature included. */
  sha256: string;
  /** Bytes. */
  size: number;
}

/** What was last seen of a mirror in a run that ended well: a source behind it has gone back in time. */
export interface SourceMark {
  /** Which source it is of: a short digest of URL, path and index filters. */
  of: string;
  /** How many products it had, filters aside. */
  products: number;
  /** `updated` of each document that has a date, by path, ISO 8601. */
  updated: Record<string, string>;
  /** When the mark was kept, ISO 8601. */
  seen: string;
}

/** Where the walk through nested indexes is: what is still to fetch, and what was seen. */
export interface WalkState {
  pending: { path: string; trail: string[]; contentId: string | undefined }[];
  seen: string[];
}

export interface VerifiedDocument {
  kind: 'index' | 'products';
  /** Fingerprints of the keys whose signatures are good; empty where none is required. */
  signers: string[];
  /** The walk after this document. */
  walk: WalkState;
}

export type ImageVisibility = 'public' | 'private' | 'community' | 'shared';

/** What Glance shall hold for one item of the mirror. */
export interface ImageFields {
  name: string;
  diskFormat: string;
  containerFormat: string;
  visibility: ImageVisibility;
  properties: Record<string, string>;
}

export interface ImageItem {
  key: string;
  workflowId: string;
  /** `upload` brings the bytes; `finalise` mends properties, visibility or status of an image that is there. */
  action: 'upload' | 'finalise';
  contentId: string;
  sourceContentId: string;
  product: string;
  version: string;
  item: string;
  /** Relative to the root of the mirror, already checked. */
  path: string;
  /** Bytes. */
  size: number;
  digest: Digest;
  image: ImageFields;
  /** For `finalise`: the image to mend, and which fields differ. */
  imageId?: string;
  differs?: string[];
  release: string;
  arch: string;
}

export interface Removal {
  key: string;
  imageId: string;
  name: string;
  contentId: string;
  /** The mirror that made it; undefined for another tool's. */
  mirror: string | undefined;
  product: string;
  version: string;
  item: string;
  reason: 'superseded' | 'duplicate' | 'leftover' | 'replaced';
  /** `delete`, or how it is withdrawn until it is deleted. */
  action: 'delete' | 'hide' | 'deactivate' | 'community';
  /** The image in its place: it must be active at that very moment. Absent for leftovers, which nobody can use. */
  successorId?: string;
}

export interface ItemFailure {
  key: string;
  product: string;
  version: string;
  item: string;
  code: string;
  message: string;
}

export interface PlanCounts {
  upload: number;
  finalise: number;
  remove: number;
  unchanged: number;
  /** Bytes that the uploads are. */
  bytes: number;
}

/** The way through one region: where the plan goes on, and what this run will not do again. */
export interface PlanPosition {
  /** The sort key after which the page begins; empty at the beginning of a pass. */
  cursor: string;
  /** Keys that failed in this run: not tried again. */
  failed: string[];
  /** Keys that were mended in this run: a repair happens once. */
  repaired: string[];
}

export interface PlanPage {
  items: ImageItem[];
  /** Filled only on a page without items: everything wanted is there. The first of `counts.remove`. */
  removals: Removal[];
  /** Of all that is left from the beginning of the pass, not of the page alone. */
  counts: PlanCounts;
  /** Empty when the pass ends with this page. */
  next: string;
  /** Items of the mirror that cannot be had, with the reason; the first of those that `position.failed` does not list. */
  failures: ItemFailure[];
  /** Repairs that this run made and that are needed again. */
  unstable: ItemFailure[];
  warnings: string[];
}

export interface DownloadResult {
  /** Bytes that came over the wire, and the offset this attempt went on from. */
  fetchedBytes: number;
  resumedFrom: number;
}

export interface UploadResult {
  imageId: string;
  /** 0 when the image was there already. */
  uploadedBytes: number;
}

export interface ImageResult extends UploadResult {
  fetchedBytes: number;
}

export interface RemoveResult {
  removed: number;
  /** Withdrawn, to be deleted by a later run. */
  retired: number;
  /** Images that stay for now: protected, in use by Glance's own word, not ours to delete. The next run tries again. */
  kept: { key: string; message: string }[];
  failures: ItemFailure[];
}

export interface PublishOutcome {
  products: 'written' | 'unchanged' | 'none';
  index: 'written' | 'unchanged' | 'none';
  images: number;
  /** Where clients read it, without `/streams/v1/…`. */
  publicUrl: string;
  /** Files of a directory that went after its documents were written. */
  removed?: number;
}

export interface AdvertiseOutcome {
  state: 'created' | 'updated' | 'unchanged' | 'skipped' | 'forbidden';
  url: string;
  /** Why it could not be, or which address of somebody it took over. */
  message?: string;
}

export interface RegionSummary {
  cloud: string;
  region: string;
  added: number;
  repaired: number;
  removed: number;
  /** Superseded images that were hidden, deactivated or made community, to be deleted later. */
  retired: number;
  unchanged: number;
  fetchedBytes: number;
  uploadedBytes: number;
  published?: PublishOutcome;
  advertised?: AdvertiseOutcome;
  failures: ItemFailure[];
  /** All failures, of which `failures` lists the first hundred. */
  failureCount: number;
  warnings: string[];
  /** What still differed at the end although this run had mended it. */
  unstable: ItemFailure[];
}

/** A region of which nothing could be done. */
export interface RegionFailure {
  cloud: string;
  region: string;
  code: string;
  message: string;
  hint: string;
}

export interface SyncSummary {
  mirror: string;
  regions: RegionSummary[];
  failedRegions: RegionFailure[];
}

export interface PlannedRow {
  action: 'upload' | 'finalise' | 'remove' | 'retire';
  product: string;
  version: string;
  item: string;
  size: number;
  detail: string;
}

/** One thing published or advertised that is not as a sync would leave it. */
export interface MetadataDifference {
  kind: 'container' | 'products' | 'index' | 'endpoint' | 'item';
  /** A container, a path below the root, an interface, an image; or product, version and item. */
  what: string;
  /** `missing`, `differs`, or, of a published image, `wrong`: it contradicts Glance or the mirror. */
  state: 'missing' | 'differs' | 'wrong';
  why: string;
}

/** What is published and advertised against what a sync would publish and advertise of the images that are there now. */
export interface MetadataComparison {
  /** Images that the documents should have. */
  images: number;
  /** Where clients read them; empty when image-stream does not know. */
  publicUrl: string;
  /** The first of them. */
  differences: MetadataDifference[];
  differenceCount: number;
  /** Worth knowing, and nothing that a sync would change. */
  notes: string[];
}

export interface RegionPlan {
  cloud: string;
  region: string;
  rows: PlannedRow[];
  /** True when there are more rows than the thousand that are listed. */
  cut: boolean;
  counts: PlanCounts;
  failures: ItemFailure[];
  warnings: string[];
  /** Absent where nothing is published. */
  metadata?: MetadataComparison;
}
