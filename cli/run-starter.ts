import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { TypedSearchAttributes, WorkflowNotFoundError, defineSearchAttributeKey } from '@temporalio/common';
import { ImageStreamError } from '../contracts/errors.js';
import { workflowId } from '../contracts/ids.js';
import { SearchAttribute, TaskQueue, WorkflowType } from '../contracts/names.js';
import type { SyncMirrorInput, SyncMirrorMemo } from '../contracts/workflows.js';

/** A sync, a dry run, or a dry run that compares digests as well. Runs of one kind and mirror are one run. */
export type RunKind = 'sync' | 'plan' | 'verify';

export interface WantedRun {
  mirror: string;
  waitMs: number;
  kind: RunKind;
  allowOlder: boolean;
  memo: SyncMirrorMemo;
}

export interface StartedRun {
  mirror: string;
  workflowId: string;
  runId: string;
  /** Whether it was running already. */
  joined: boolean;
}

const ID_OF = {
  sync: workflowId.syncMirror,
  plan: workflowId.planMirror,
  verify: workflowId.verifyMirror,
} as const satisfies Record<RunKind, (mirror: string) => string>;

/**
 * Starts the sync of a mirror, or joins the run of the same configuration that is under way: the workflow id is the lock.
 * @throws {ImageStreamError} ConfigurationDiffers, CloudDiffers, when the run that is under way means something else
 */
export async function startOrJoin(client: Client, wanted: WantedRun): Promise<StartedRun> {
  const { mirror, kind, memo } = wanted;
  const id = ID_OF[kind](mirror);
  const input: SyncMirrorInput = {
    mirror,
    configurationDigest: memo.configurationDigest,
    waitMs: wanted.waitMs,
    ...(kind === 'sync' ? {} : { dryRun: true }),
    ...(kind === 'verify' ? { audit: true } : {}),
    ...(wanted.allowOlder ? { allowOlder: true } : {}),
  };
  const before = await running(client, id);
  const handle = await client.workflow.start(WorkflowType.syncMirror, {
    workflowId: id,
    taskQueue: TaskQueue.main,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    memo: { ...memo },
    typedSearchAttributes: new TypedSearchAttributes([
      { key: defineSearchAttributeKey(SearchAttribute.Mirror, 'KEYWORD'), value: mirror },
    ]),
    staticSummary: `${kind} ${mirror}`,
  });
  const now = await client.workflow.getHandle(id).describe();
  refuseOther(now, id, memo);
  return { mirror, workflowId: id, runId: handle.firstExecutionRunId, joined: before?.runId === now.runId };
}

async function running(client: Client, id: string): Promise<WorkflowExecutionDescription | undefined> {
  try {
    const description = await client.workflow.getHandle(id).describe();
    return description.status.name === 'RUNNING' ? description : undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

function refuseOther(run: WorkflowExecutionDescription, id: string, mine: SyncMirrorMemo): void {
  const memo = (run.memo ?? {}) as Partial<SyncMirrorMemo>;
  if (memo.configurationDigest === undefined || memo.configurationDigest === mine.configurationDigest) return;
  const theirs = memo.clouds ?? [];
  const sameClouds = theirs.join('\n') === mine.clouds.join('\n');
  const hint = `Wait for it, or end it with \`image-stream cancel ${id}\`.`;
  if (!sameClouds) {
    throw new ImageStreamError(
      'CloudDiffers',
      `${id} is running for the cloud ${theirs.join(', ')}, and you mean ${mine.clouds.join(', ')}`,
      { hint },
    );
  }
  throw new ImageStreamError(
    'ConfigurationDiffers',
    `${id} is running with configuration ${short(memo.configurationDigest)}, and yours is ${short(mine.configurationDigest)}`,
    { hint },
  );
}

function short(digest: string): string {
  return digest.slice(0, 12);
}

/**
 * Ends what an earlier build of image-stream left unfinished on an embedded server: its history may not fit this code, and all that
 * matters is in staging and Glance. Returns how many runs that were.
 */
export async function endRunsOfOtherBuilds(client: Client, build: string): Promise<number> {
  let ended = 0;
  for await (const { workflowId: id, runId, memo } of client.workflow.list({
    query: "ExecutionStatus='Running'",
  })) {
    if (memo?.build === undefined || memo.build === build) continue;
    await client.workflow
      .getHandle(id, runId)
      .terminate('another build of image-stream goes on')
      .catch(() => undefined);
    ended += 1;
  }
  return ended;
}
