import type { Client, WorkflowHandle } from '@temporalio/client';
import { QueryName } from '../../contracts/names.js';
import type { Progress } from '../../contracts/workflows.js';
import { findRun } from '../run-names.js';
import { isRetried, pendingSteps, writerSteps, type PendingStep } from '../run-pending.js';

/** Milliseconds a query may take: without a worker there is nobody to answer it. */
const ANSWER_MS = 2_000;
/** Images of which the bytes are looked up; more do not fit on a screen. */
const MAX_IMAGES = 16;

/** A step of which an attempt failed: which, the attempt under way or next, and why the last one failed. */
export type RetriedStep = Pick<PendingStep, 'activity' | 'attempt' | 'lastFailure'>;

export interface ImageProgress extends RetriedStep {
  label: string;
  stage: string;
  /** Bytes. */
  offset: number;
  total: number;
}

export interface RegionProgress {
  cloud: string;
  region: string;
  progress: Progress;
  images: ImageProgress[];
  /** Steps of the region's own run, and of the writer that it waits for. */
  retrying: RetriedStep[];
}

export interface RunProgress {
  progress: Progress | undefined;
  regions: RegionProgress[];
  /** Steps of the mirror's run itself. */
  retrying: RetriedStep[];
  /** Whether no worker has answered for longer than one takes to start. */
  silent?: boolean;
}

/** Where a run of syncMirror is, its regions and images; what cannot be learned now is left out. */
export async function readProgress(client: Client, workflowId: string): Promise<RunProgress> {
  const handle = client.workflow.getHandle(workflowId);
  const [progress, pending] = await Promise.all([query(client, handle), pendingOf(client, workflowId)]);
  const regions = await Promise.all((progress?.regions ?? []).map((region) => readRegion(client, region)));
  return {
    progress,
    regions: regions.filter((region) => region !== undefined),
    retrying: pending.filter(isRetried),
  };
}

async function readRegion(
  client: Client,
  { cloud, region, workflowId }: Progress['regions'][number],
): Promise<RegionProgress | undefined> {
  const [progress, pending] = await Promise.all([
    query(client, client.workflow.getHandle(workflowId)),
    pendingOf(client, workflowId),
  ]);
  if (!progress) return undefined;
  const [images, writers] = await Promise.all([
    Promise.all(
      progress.active.slice(0, MAX_IMAGES).map(async ({ label, size, workflowId: imageId }) => {
        const steps = imageId === undefined ? [] : await pendingOf(client, imageId);
        return imageProgress(label, size, steps[0]);
      }),
    ),
    writerSteps(client, pending),
  ]);
  return { cloud, region, progress, images, retrying: [...pending, ...writers].filter(isRetried) };
}

async function pendingOf(client: Client, workflowId: string): Promise<PendingStep[]> {
  const run = await findRun(client, workflowId).catch(() => undefined);
  return run ? pendingSteps(run) : [];
}

export function imageProgress(label: string, size: number, step: PendingStep | undefined): ImageProgress {
  return {
    label,
    activity: step?.activity ?? '',
    stage: step?.beat?.stage ?? step?.activity ?? '',
    offset: step?.beat?.offset ?? 0,
    total: step?.beat?.total ?? size,
    attempt: step?.attempt ?? 1,
    ...(step?.lastFailure ? { lastFailure: step.lastFailure } : {}),
  };
}

async function query(client: Client, handle: WorkflowHandle): Promise<Progress | undefined> {
  try {
    return await client.withDeadline(Date.now() + ANSWER_MS, () =>
      handle.query<Progress>(QueryName.progress),
    );
  } catch {
    return undefined;
  }
}
