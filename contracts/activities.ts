import type { SourceNotes } from './source-notes.js';
import type {
  AdvertiseOutcome,
  CloudFingerprint,
  DocumentRef,
  DownloadResult,
  ImageItem,
  ImageResult,
  MetadataComparison,
  PlanPage,
  PlanPosition,
  PublishOutcome,
  RemoveResult,
  Removal,
  RunRef,
  TargetRef,
  UploadResult,
  VerifiedDocument,
  WalkState,
} from './sync.js';
import type { RegionSettings } from './workflows.js';

export interface MirrorRun {
  run: RunRef;
  /** Workflow id of the mirror's sync: the lock. */
  syncId: string;
  /** The first document. */
  path: string;
  clouds: string[];
  settings: RegionSettings;
  /** Clouds as they may be printed. */
  cloudDescriptions: string[];
  /** Version of the worker, which a run started by it carries in its memo. */
  build: string;
}

export interface CloudRegions {
  fingerprint: CloudFingerprint;
  regions: { region: string; workflowId: string }[];
}

interface ItemRequest {
  run: RunRef;
  item: ImageItem;
}

interface TargetItemRequest extends ItemRequest {
  target: TargetRef;
}

/** Heartbeat details of a transfer, as operators see them in Temporal's UI. */
export interface TransferBeat {
  stage: 'download' | 'verify' | 'upload';
  /** Bytes. */
  offset: number;
  total: number;
  /** What the attempts so far learnt of the mirror and its fall-backs. */
  sources: SourceNotes;
  /** How often Glance would not keep what was sent, by code, in this and the attempts before. */
  refused?: Record<string, number>;
}

/** Every activity, its input and its result. Failures carry a code of contracts/error-codes.ts as their type. */
export interface Activities {
  /** Reads the worker's configuration. @throws ConfigurationDiffers, UnknownMirror */
  loadMirror(request: {
    mirror: string;
    configurationDigest?: string;
    workflowId: string;
  }): Promise<MirrorRun>;
  /** Signs in and lists the regions to sync. @throws Unauthorized, KeystoneUnreachable, RegionUnknown */
  resolveRegions(request: { run: RunRef; cloud: string; parentId: string }): Promise<CloudRegions>;
  /** Brings a document of the mirror into staging. @throws MirrorUnreachable, MirrorNotFound, DocumentTooLarge */
  fetchIndex(request: { run: RunRef; path: string }): Promise<DocumentRef>;
  /** Checks the signature by the mirror's policy and reads only the signed bytes. @throws SignatureInvalid, DocumentInvalid, DocumentCycle, UnsafePath */
  verifyIndex(request: { run: RunRef; document: DocumentRef; walk: WalkState }): Promise<VerifiedDocument>;
  /** Fails with a retryable code until Keystone, Glance and, if publishing, Swift are in the catalogue. */
  awaitServices(request: {
    run: RunRef;
    target: TargetRef;
    /** Glance must answer, too. A run that waits for ever does without: its region would block the mirror's next runs. */
    answering?: boolean;
  }): Promise<{ endpoints: string[] }>;
  /** May this user create images of the configured visibility here? @throws VisibilityForbidden, Forbidden */
  probeRights(request: { run: RunRef; target: TargetRef }): Promise<void>;
  /** @throws SourceRegressed */
  planSync(request: {
    run: RunRef;
    target: TargetRef;
    documents: DocumentRef[];
    position: PlanPosition;
    pageSize: number;
    /** A dry run: also lists the removals that would follow once the uploads are done. */
    preview?: boolean;
    /** Take the source also where it has gone back behind what was seen of it. */
    allowOlder?: boolean;
  }): Promise<PlanPage>;
  /** Compares what is published and advertised with what a sync would publish now; changes nothing. */
  compareMetadata(request: {
    run: RunRef;
    target: TargetRef;
    documents: DocumentRef[];
    /** Whether a sync would bring or mend images: then documents that are not there yet will be. */
    pending: boolean;
    /** Also compare sizes and digests of mirror, Glance and the published items. */
    audit: boolean;
  }): Promise<MetadataComparison>;
  /** Which staging folder will this image go through: that of the host which answers. */
  claimStaging(request: ItemRequest): Promise<{ stagingId: string }>;
  /** Does anybody poll the queue of that staging folder now? */
  stagingAlive(request: { stagingId: string }): Promise<boolean>;
  downloadImage(request: ItemRequest): Promise<DownloadResult>;
  verifyChecksum(request: ItemRequest): Promise<{ size: number }>;
  uploadImage(request: TargetItemRequest): Promise<UploadResult>;
  finaliseImage(request: TargetItemRequest & { imageId: string }): Promise<void>;
  /** Download, verify, upload and finalise of one small item. */
  syncSmallItem(request: TargetItemRequest): Promise<ImageResult>;
  removeImages(request: { run: RunRef; target: TargetRef; removals: Removal[] }): Promise<RemoveResult>;
  /** Asks the one writer of the destination and waits for its answer. */
  requestPublish(request: {
    run: RunRef;
    target: TargetRef;
    requestId: string;
    /** For a directory, which takes the mirror's own documents. */
    documents?: DocumentRef[];
  }): Promise<PublishOutcome>;
  publishProducts(request: { run: RunRef; target: TargetRef }): Promise<PublishOutcome>;
  /** With `mark`, a SourceMark as JSON, that is kept in the entry, too. */
  publishIndex(request: { run: RunRef; target: TargetRef; mark?: string }): Promise<PublishOutcome>;
  /** After a run that ended well: what the mirror served becomes its mark. What could not be kept is a warning. */
  recordSource(request: {
    run: RunRef;
    targets: TargetRef[];
    documents: DocumentRef[];
    requestId: string;
  }): Promise<{ warnings: string[] }>;
  registerEndpoints(request: {
    run: RunRef;
    target: TargetRef;
    publicUrl: string;
  }): Promise<AdvertiseOutcome>;
}
