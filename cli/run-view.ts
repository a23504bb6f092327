import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { WorkflowType } from '../contracts/names.js';
import type { RegionFailure, RegionPlan } from '../contracts/sync.js';
import type { ScheduledSyncResult, SyncMirrorMemo, SyncMirrorResult } from '../contracts/workflows.js';
import { readProgress, type RunProgress } from './progress/watch.js';
import { errorReport, type ErrorReport } from './report-error.js';
import { readHistory, type RunHistory } from './run-history.js';
import { pendingSteps, taskFailure, type PendingStep, type TaskFailure } from './run-pending.js';
import { runFacts, type RunFacts } from './run-facts.js';
import { readRegions, type RegionView } from './run-regions.js';
import { summaryOf } from './run-result.js';

/** Milliseconds that anything may take which is not the server's own word. */
const READ_MS = 2_000;

export interface RunView extends RunFacts {
  configurationDigest?: string;
  clouds: string[];
  build?: string;
  /** `worker` when a worker answered, `history` when the server's records had to do. */
  source: 'worker' | 'history';
  /** False when not all of it could be read in time. */
  whole: boolean;
  message: string;
  regions: RegionView[];
  failedRegions: RegionFailure[];
  plans: RegionPlan[];
  /** Of a scheduled sync: what became of it. */
  scheduled?: ScheduledSyncResult;
  pending: PendingStep[];
  taskFailures: TaskFailure[];
  error?: ErrorReport;
}

/** Reads all that can be known of a run, by way of a worker where one answers, within about twice two seconds. */
export async function readRun(client: Client, described: WorkflowExecutionDescription): Promise<RunView> {
  const facts = runFacts(described);
  const running = facts.status === 'running';
  const deadline = Date.now() + READ_MS;
  const [live, history] = await Promise.all([
    running && facts.type === WorkflowType.syncMirror ? liveProgress(client, facts.run) : undefined,
    readHistory(client, facts.run, facts.runId, deadline),
  ]);
  const { result, error } = running ? {} : await ending(client, history, facts.run);
  const summary = syncResult(result, error, facts.type);
  const regions = await readRegions(client, described, history, live, summary, Date.now() + READ_MS);
  const memo = (described.memo ?? {}) as Partial<SyncMirrorMemo>;
  const own = taskFailure(described, history.events);
  return {
    ...facts,
    ...(memo.configurationDigest === undefined ? {} : { configurationDigest: memo.configurationDigest }),
    ...(memo.build === undefined ? {} : { build: memo.build }),
    clouds: memo.clouds ?? [],
    source: live?.progress ? 'worker' : 'history',
    whole: history.whole && regions.whole,
    message: live?.progress?.message ?? '',
    regions: regions.views,
    failedRegions: summary?.failedRegions ?? regions.failed,
    plans: summary?.plans ?? [],
    ...(facts.type === WorkflowType.scheduledSync && isScheduled(result) ? { scheduled: result } : {}),
    pending: [...pendingSteps(described), ...regions.pending],
    taskFailures: [...(own ? [own] : []), ...regions.taskFailures],
    ...(error === undefined ? {} : { error: errorReport(error) }),
  };
}

/** What a closed run returned or threw; the server has it, so that no worker is needed. */
export async function ending(
  client: Client,
  { runId }: Pick<RunHistory, 'runId'>,
  workflowId: string,
): Promise<{ result?: unknown; error?: unknown }> {
  try {
    const handle = client.workflow.getHandle(workflowId, runId);
    return { result: await client.withDeadline(Date.now() + READ_MS, () => handle.result()) };
  } catch (error) {
    return { error };
  }
}

function syncResult(result: unknown, error: unknown, type: string): SyncMirrorResult | undefined {
  if (type !== WorkflowType.syncMirror) return undefined;
  return isSyncResult(result) ? result : summaryOf(error);
}

export function isSyncResult(result: unknown): result is SyncMirrorResult {
  return typeof result === 'object' && result !== null && 'regions' in result && 'failedRegions' in result;
}

export function isScheduled(result: unknown): result is ScheduledSyncResult {
  return typeof result === 'object' && result !== null && 'outcome' in result && 'message' in result;
}

/** The regions are asked one after the run itself, so it gets as long as both. */
async function liveProgress(client: Client, run: string): Promise<RunProgress | undefined> {
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, 2 * READ_MS, undefined).unref());
  return Promise.race([readProgress(client, run), late]);
}
