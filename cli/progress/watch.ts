import type { Client, WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { z } from 'zod';
import { QueryName } from '../../contracts/names.js';
import type { Progress } from '../../contracts/workflows.js';

/** Milliseconds a query may take: without a worker there is nobody to answer it. */
const ANSWER_MS = 2_000;
/** Images of which the bytes are looked up; more do not fit on a screen. */
const MAX_IMAGES = 16;

export interface ImageProgress {
  label: string;
  stage: string;
  /** Bytes. */
  offset: number;
  total: number;
  /** The attempt under way, and why the last one failed. */
  attempt: number;
  lastFailure: string;
}

export interface RegionProgress {
  cloud: string;
  region: string;
  progress: Progress;
  images: ImageProgress[];
}

export interface RunProgress {
  progress: Progress | undefined;
  regions: RegionProgress[];
  /** Steps of the mirror's run itself that are being retried. */
  retrying: string[];
}

const beatSchema = z.object({ stage: z.string(), offset: z.number(), total: z.number() });

/** Where a run of syncMirror is, its regions and images; what cannot be learned now is left out. */
export async function readProgress(client: Client, workflowId: string): Promise<RunProgress> {
  const handle = client.workflow.getHandle(workflowId);
  const [progress, pending] = await Promise.all([query(client, handle), pendingOf(handle)]);
  const regions = await Promise.all(
    (progress?.regions ?? []).map(async ({ cloud, region, workflowId: id }) => {
      const regionHandle = client.workflow.getHandle(id);
      const [own, waiting] = await Promise.all([query(client, regionHandle), pendingOf(regionHandle)]);
      if (!own) return undefined;
      const images = await Promise.all(
        own.active.slice(0, MAX_IMAGES).map(async ({ label, size, workflowId: imageId }) => {
          const steps = imageId ? await pendingOf(client.workflow.getHandle(imageId)) : [];
          return imageProgress(label, size, steps[0]);
        }),
      );
      return {
        cloud,
        region,
        progress: own,
        images: [...images, ...waiting.filter(isRetried).map(retriedStep)],
      };
    }),
  );
  return {
    progress,
    regions: regions.filter((region) => region !== undefined),
    retrying: pending
      .filter(isRetried)
      .map(({ type, attempt, lastFailure }) => `${type}, attempt ${attempt}: ${lastFailure}`),
  };
}

interface PendingStep {
  type: string;
  attempt: number;
  lastFailure: string;
  beat: z.infer<typeof beatSchema> | undefined;
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

async function pendingOf(handle: WorkflowHandle): Promise<PendingStep[]> {
  try {
    const { raw } = await handle.describe();
    return (raw.pendingActivities ?? []).map((activity) => {
      const payload = activity.heartbeatDetails?.payloads?.[0];
      const beat = beatSchema.safeParse(payload ? defaultPayloadConverter.fromPayload(payload) : undefined);
      return {
        type: activity.activityType?.name ?? '',
        attempt: activity.attempt ?? 1,
        lastFailure: activity.lastFailure?.message ?? '',
        beat: beat.data,
      };
    });
  } catch {
    return [];
  }
}

function isRetried({ attempt, lastFailure }: PendingStep): boolean {
  return attempt > 1 && lastFailure !== '';
}

function retriedStep({ type, attempt, lastFailure }: PendingStep): ImageProgress {
  return { label: type, stage: 'retry', offset: 0, total: 0, attempt, lastFailure };
}

function imageProgress(label: string, size: number, step: PendingStep | undefined): ImageProgress {
  return {
    label,
    stage: step?.beat?.stage ?? step?.type ?? '',
    offset: step?.beat?.offset ?? 0,
    total: step?.beat?.total ?? size,
    attempt: step?.attempt ?? 1,
    lastFailure: step?.lastFailure ?? '',
  };
}
