import type { Stage } from './names.js';
import type { CloudFingerprint, DocumentRef, ImageItem, PublishOutcome, RunRef, TargetRef } from './sync.js';
import type { RegionPlan, RegionSummary, SyncSummary, PlanPosition, ImageResult } from './sync.js';

export interface ScheduledSyncInput {
  mirror: string;
}

export interface ScheduledSyncResult {
  outcome: 'synced' | 'skipped';
  message: string;
  summary?: SyncSummary;
}

export interface SyncMirrorInput {
  mirror: string;
  /** What the starter read in its configuration; a worker with another one refuses. Absent: the worker's own. */
  configurationDigest?: string;
  /** Milliseconds that missing services and an unreachable mirror are waited for; null waits for ever. */
  waitMs: number | null;
  dryRun?: boolean;
  /** Take the source also where it has gone back behind what was seen of it. */
  allowOlder?: boolean;
  /** Events after which a region's run continues as new; the server decides when absent. */
  continueAfterEvents?: number;
  /** With `dryRun`: also compare sizes and digests of mirror, Glance and what is published. */
  audit?: boolean;
}

export interface SyncMirrorResult extends SyncSummary {
  plans?: RegionPlan[];
}

/** The memo of syncMirror: readable without a worker. */
export interface SyncMirrorMemo {
  configurationDigest: string;
  /** Clouds as they may be printed: name, auth URL, user and project. */
  clouds: string[];
  build: string;
}

export interface RegionSettings {
  concurrency: number;
  /** Bytes. */
  smallItemLimit: number;
  /** Milliseconds. */
  transferTimeoutMs: number;
  publish: boolean;
}

export interface SyncRegionInput {
  run: RunRef;
  target: TargetRef;
  documents: DocumentRef[];
  settings: RegionSettings;
  waitMs: number | null;
  dryRun: boolean;
  audit?: boolean;
  /** Take the source also where it has gone back behind what was seen of it. */
  allowOlder?: boolean;
  carried?: RegionState;
  /** Events after which the run continues as new; the server decides when absent. */
  continueAfterEvents?: number;
}

/** What a region's run carries over a continue-as-new. */
export interface RegionState {
  position: PlanPosition;
  pass: number;
  /** Successes of the current pass. */
  successes: number;
  probed: boolean;
  summary: RegionSummary;
}

export type SyncRegionResult =
  | { outcome: 'done'; summary: RegionSummary }
  | { outcome: 'planned'; plan: RegionPlan }
  | { outcome: 'sourceMoved'; message: string };

export interface SyncImageInput {
  run: RunRef;
  target: TargetRef;
  item: ImageItem;
  transferTimeoutMs: number;
}

export type SyncImageResult = ImageResult;

export interface PublishRequest {
  id: string;
  run: RunRef;
  target: TargetRef;
  /** What the mirror served, a SourceMark as JSON, to be kept in the index; nothing else is written then. */
  mark?: string;
}

export interface PublishInput {
  destination: string;
  /** Requests that a former run of this workflow had not looked at yet. */
  waiting?: PublishRequest[];
  /** Answers that former runs of the chain gave, the last thousand. */
  answered?: PublishAnswer[];
}

export interface PublishAnswer {
  id: string;
  outcome?: PublishOutcome;
  failure?: { code: string; message: string; hint: string };
}

export interface PublishResult {
  answers: PublishAnswer[];
}

export interface ActiveImage {
  label: string;
  size: number;
  /** Present when the image has a workflow of its own. */
  workflowId?: string;
}

/** Answer to the query `progress` of syncMirror and syncRegion. */
export interface Progress {
  stage: Stage;
  message: string;
  regions: { cloud: string; region: string; workflowId: string; fingerprint: CloudFingerprint }[];
  done: number;
  total: number;
  doneBytes: number;
  totalBytes: number;
  failed: number;
  active: ActiveImage[];
}
