import type { Client } from '@temporalio/client';
import { SearchAttribute, WorkflowType } from '../contracts/names.js';
import type { RegionPlan, RegionSummary } from '../contracts/sync.js';
import { formatBytes } from '../contracts/bytes.js';
import { errorReport } from './report-error.js';
import { troubleOf } from './run-trouble.js';
import { runFacts, type RunFacts, type RunStatus } from './run-facts.js';
import { ending, isScheduled, isSyncResult } from './run-view.js';

/** What a user may filter by, as Temporal's list filters spell it. */
export const STATUS_FILTERS: Partial<Record<RunStatus, string>> = {
  running: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Canceled',
  terminated: 'Terminated',
  'timed out': 'TimedOut',
};

export interface ListedRun extends RunFacts {
  /** Counts, or the code and the sentence of what failed; while it runs, what holds it up, and else empty. */
  result: string;
}

export interface RunChoice {
  mirror?: string | undefined;
  status?: RunStatus | undefined;
  limit: number;
}

/** Results that are asked for at once. */
const AT_ONCE = 8;

/** Syncs, by hand and by schedule, newest first. Only the server is asked. */
export async function listRuns(client: Client, { mirror, status, limit }: RunChoice): Promise<ListedRun[]> {
  const filters = [
    `WorkflowType IN ('${WorkflowType.syncMirror}', '${WorkflowType.scheduledSync}')`,
    ...(mirror === undefined ? [] : [`${SearchAttribute.Mirror} = '${mirror.replace(/[\\']/g, '\\$&')}'`]),
    ...(status === undefined ? [] : [`ExecutionStatus = '${STATUS_FILTERS[status] ?? 'Running'}'`]),
  ];
  const facts: RunFacts[] = [];
  // The server lists by the time of the end, open ones first: the newest by their start are among the first few of both.
  for await (const run of client.workflow.list({ query: filters.join(' AND '), pageSize: 200 })) {
    facts.push(runFacts(run));
    if (facts.length >= limit + 100) break;
  }
  facts.sort((one, other) => (one.started > other.started ? -1 : 1));
  const listed: ListedRun[] = facts.slice(0, limit).map((run) => ({ ...run, result: '' }));
  for (let at = 0; at < listed.length; at += AT_ONCE) {
    await Promise.all(
      listed.slice(at, at + AT_ONCE).map(async (run) => {
        run.result =
          run.status === 'running'
            ? await troubleOf(client, run.run, run.runId).catch(() => '')
            : resultLine(await ending(client, run, run.run));
      }),
    );
  }
  return listed;
}

/** What became of a run, in a line. */
export function resultLine({ result, error }: { result?: unknown; error?: unknown }): string {
  if (error !== undefined) {
    const { code, message } = errorReport(error);
    return `${code}: ${message}`.replace(/\s+/g, ' ');
  }
  if (isScheduled(result))
    return result.summary ? counts(result.summary.regions) : `${result.outcome}: ${result.message}`;
  if (!isSyncResult(result)) return '';
  return result.plans ? plans(result.plans) : counts(result.regions);
}

function counts(regions: readonly RegionSummary[]): string {
  const sum = (of: (region: RegionSummary) => number) =>
    regions.reduce((total, region) => total + of(region), 0);
  const added = sum((region) => region.added);
  const repaired = sum((region) => region.repaired);
  const removed = sum((region) => region.removed);
  const retired = sum((region) => region.retired);
  const unchanged = sum((region) => region.unchanged);
  if (added + repaired + removed + retired === 0) return `nothing to do, ${unchanged} unchanged`;
  const bytes = formatBytes(sum((region) => region.uploadedBytes));
  return [
    `${added} added${added > 0 ? ` (${bytes})` : ''}`,
    ...(repaired > 0 ? [`${repaired} repaired`] : []),
    `${removed} removed`,
    ...(retired > 0 ? [`${retired} retired`] : []),
    `${unchanged} unchanged`,
  ].join(', ');
}

function plans(regions: readonly RegionPlan[]): string {
  const sum = (of: (plan: RegionPlan) => number) => regions.reduce((total, plan) => total + of(plan), 0);
  const bytes = formatBytes(sum(({ counts: { bytes: own } }) => own));
  return `plan: ${sum(({ counts: { upload } }) => upload)} to upload (${bytes}), ${sum(({ counts: { remove } }) => remove)} to remove`;
}
