import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { WorkflowType } from '../contracts/names.js';
import type { RegionFailure, RegionSummary } from '../contracts/sync.js';
import type { SyncMirrorResult, SyncRegionInput } from '../contracts/workflows.js';
import { imageProgress, type ImageProgress, type RunProgress } from './progress/watch.js';
import { decoded, readHistory, reportedFailure, type RunHistory } from './run-history.js';
import { regionRecord, type RegionRecord } from './run-history-region.js';
import { runFacts } from './run-facts.js';
import { findRun } from './run-names.js';
import { standstill } from './run-trouble.js';
import { pendingSteps, taskFailure, writerSteps, type PendingStep, type TaskFailure } from './run-pending.js';

/** Images of a region of which the steps are looked up. */
const MAX_IMAGES = 16;

export interface RegionView {
  cloud: string;
  region: string;
  /** Workflow id of the region's own run. */
  run: string;
  stage: string;
  summary: RegionSummary;
  /** Images and bytes of uploads, done and to do. */
  done: number;
  total: number;
  totalBytes: number;
  active: ImageProgress[];
}

export interface RegionsRead {
  views: RegionView[];
  failed: RegionFailure[];
  pending: PendingStep[];
  taskFailures: TaskFailure[];
  whole: boolean;
}

interface Child {
  run: string;
  runId: string;
  input: SyncRegionInput;
  failure?: { code: string; message: string };
}

/** The regions of a run: by its result when it has one, else by their own histories and what workers say of them. */
export async function readRegions(
  client: Client,
  described: WorkflowExecutionDescription,
  history: RunHistory,
  live: RunProgress | undefined,
  result: SyncMirrorResult | undefined,
  deadline: number,
): Promise<RegionsRead> {
  const read: RegionsRead = { views: [], failed: [], pending: [], taskFailures: [], whole: true };
  if (result) {
    read.views = result.regions.map((summary) => finished(summary));
    return read;
  }
  await Promise.all(
    childrenOf(described, history).map(async (child) => {
      if (child.failure) {
        const { cloud, region } = child.input.target;
        read.failed.push({ cloud, region, ...child.failure, hint: '' });
      }
      await readRegion(client, child, described, live, read, deadline);
    }),
  );
  read.views.sort((one, other) => (one.run < other.run ? -1 : 1));
  return read;
}

function finished(summary: RegionSummary): RegionView {
  const { cloud, region, added, repaired, uploadedBytes } = summary;
  const done = added + repaired;
  return {
    cloud,
    region,
    run: '',
    stage: 'done',
    summary,
    done,
    total: done,
    totalBytes: uploadedBytes,
    active: [],
  };
}

/** The region runs that a mirror's run started, the last of each; a region's run is its own. */
function childrenOf(
  { workflowId, type }: WorkflowExecutionDescription,
  { events, runId }: RunHistory,
): Child[] {
  if (type === WorkflowType.syncRegion) {
    const input = decoded<SyncRegionInput>(events[0]?.workflowExecutionStartedEventAttributes?.input);
    return input ? [{ run: workflowId, runId, input }] : [];
  }
  const inputs = new Map<string, SyncRegionInput>();
  const children = new Map<string, Child>();
  for (const event of events) {
    const initiated = event.startChildWorkflowExecutionInitiatedEventAttributes;
    const input = initiated && decoded<SyncRegionInput>(initiated.input);
    if (input?.target) inputs.set(String(event.eventId), input);
    const started = event.childWorkflowExecutionStartedEventAttributes;
    const known = started && inputs.get(String(started.initiatedEventId));
    const { workflowId: run, runId: childRun } = started?.workflowExecution ?? {};
    if (known && run && childRun)
      children.set(String(started.initiatedEventId), { run, runId: childRun, input: known });
    const failed = event.childWorkflowExecutionFailedEventAttributes;
    const child = failed && children.get(String(failed.initiatedEventId));
    const failure = reportedFailure(event);
    if (child && failure) child.failure = failure;
  }
  return [...new Map([...children.values()].map((child) => [child.run, child])).values()];
}

async function readRegion(
  client: Client,
  child: Child,
  parent: WorkflowExecutionDescription,
  live: RunProgress | undefined,
  read: RegionsRead,
  deadline: number,
): Promise<void> {
  const { cloud, region } = child.input.target;
  const history = await readHistory(client, child.run, child.runId, deadline);
  const record = regionRecord(history.events);
  if (!record) return;
  read.whole &&= history.whole;
  const now =
    parent.workflowId === child.run
      ? parent
      : await findRun(client, child.run, history.runId).catch(() => undefined);
  const running = now?.status.name === 'RUNNING';
  const said = live?.regions.find((one) => one.cloud === cloud && one.region === region);
  const images = running ? await imageRuns(client, record) : [];
  const steps = running && now ? await stepsOf(client, [now, ...images]) : [];
  read.views.push({
    cloud,
    region,
    run: child.run,
    stage: said?.progress.stage ?? (child.failure ? 'failed' : running && now ? runFacts(now).stage : 'done'),
    summary: record.summary,
    done: record.summary.added + record.summary.repaired,
    total: record.total,
    totalBytes: record.totalBytes,
    active: running
      ? (said?.images ??
        record.active.map(({ label, size, workflowId }) =>
          imageProgress(
            label,
            size,
            steps.find(({ run }) => run === workflowId),
          ),
        ))
      : [],
  });
  if (!now) return;
  read.pending.push(...(parent === now ? steps.filter(({ run }) => run !== child.run) : steps));
  const failure = taskFailure(now, history.events);
  if (failure && parent !== now) read.taskFailures.push(failure);
  for (const image of images) {
    const stuck = await standstill(client, image).catch(() => undefined);
    if (stuck) read.taskFailures.push(stuck);
  }
}

/** The images of a region that have runs of their own, the first few. */
async function imageRuns(client: Client, { active }: RegionRecord): Promise<WorkflowExecutionDescription[]> {
  const ids = active.flatMap(({ workflowId }) => (workflowId === undefined ? [] : [workflowId]));
  const described = await Promise.all(
    ids.slice(0, MAX_IMAGES).map((id) => findRun(client, id).catch(() => undefined)),
  );
  return described.filter((run) => run !== undefined);
}

/** Pending steps of these runs, and of the writer that one waits for. */
async function stepsOf(client: Client, runs: WorkflowExecutionDescription[]): Promise<PendingStep[]> {
  const steps = runs.flatMap(pendingSteps);
  return [...steps, ...(await writerSteps(client, steps))];
}
