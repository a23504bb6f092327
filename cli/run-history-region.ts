import { emptySummary } from '../contracts/empty-summary.js';
import type {
  ImageItem,
  ImageResult,
  ItemFailure,
  PlanPage,
  RegionSummary,
  RemoveResult,
} from '../contracts/sync.js';
import type { ActiveImage, SyncRegionInput, SyncRegionResult } from '../contracts/workflows.js';
import { decoded, initiatorOf, reportedFailure, type HistoryEvent } from './run-history.js';

/** What the history of a region's run tells: the same facts as its answer to `progress`, and the failures by name. */
export interface RegionRecord {
  summary: RegionSummary;
  total: number;
  totalBytes: number;
  /** Images that were begun and have not ended. */
  active: ActiveImage[];
}

/** Failures that are listed; the rest is counted. */
const LISTED = 100;

interface Begun {
  kind: string;
  item?: ImageItem;
  page?: { cursor: string };
}

/** Walks the events of a syncRegion; undefined for the history of something else. */
export function regionRecord(events: readonly HistoryEvent[]): RegionRecord | undefined {
  const started = events[0]?.workflowExecutionStartedEventAttributes;
  const input = decoded<SyncRegionInput>(started?.input);
  if (!input?.target) return undefined;
  const record: RegionRecord = {
    summary: input.carried?.summary ?? emptySummary(input.target.cloud, input.target.region),
    total: 0,
    totalBytes: 0,
    active: [],
  };
  const begun = new Map<number, Begun>();
  for (const event of events) {
    const id = Number(event.eventId);
    const one = beginning(event);
    if (one) begun.set(id, one);
    const initiator = initiatorOf(event);
    const asked = begun.get(initiator);
    if (asked) {
      begun.delete(initiator);
      note(record, asked, event);
    }
    const result = decoded<SyncRegionResult>(event.workflowExecutionCompletedEventAttributes?.result);
    if (result?.outcome === 'done') record.summary = result.summary;
  }
  const { added, repaired, uploadedBytes } = record.summary;
  record.total = Math.max(record.total, added + repaired);
  record.totalBytes = Math.max(record.totalBytes, uploadedBytes);
  record.active = [...begun.values()].flatMap(({ kind, item }) =>
    item
      ? [
          {
            label: item.image.name,
            size: item.size,
            ...(kind === 'child' ? { workflowId: item.workflowId } : {}),
          },
        ]
      : [],
  );
  return record;
}

function beginning(event: HistoryEvent): Begun | undefined {
  const activity = event.activityTaskScheduledEventAttributes;
  if (activity) {
    const kind = activity.activityType?.name ?? '';
    const input = decoded<{ item?: ImageItem; position?: { cursor: string } }>(activity.input);
    return {
      kind,
      ...(input?.item ? { item: input.item } : {}),
      ...(input?.position ? { page: input.position } : {}),
    };
  }
  const child = decoded<{ item?: ImageItem }>(
    event.startChildWorkflowExecutionInitiatedEventAttributes?.input,
  );
  return child?.item && { kind: 'child', item: child.item };
}

function note(record: RegionRecord, { kind, item, page }: Begun, event: HistoryEvent): void {
  const { summary } = record;
  const failure = reportedFailure(event);
  if (failure) {
    if (item && failure.code !== 'Cancelled') addFailure(summary, { ...identity(item), ...failure });
    return;
  }
  const result =
    event.activityTaskCompletedEventAttributes?.result ??
    event.childWorkflowExecutionCompletedEventAttributes?.result;
  if (kind === 'child' || kind === 'syncSmallItem') {
    const image = decoded<ImageResult>(result);
    if (!image) return;
    summary.added += 1;
    summary.fetchedBytes += image.fetchedBytes;
    summary.uploadedBytes += image.uploadedBytes;
  } else if (kind === 'finaliseImage') {
    summary.repaired += 1;
  } else if (kind === 'removeImages') {
    const removed = decoded<RemoveResult>(result);
    summary.removed += removed?.removed ?? 0;
    summary.retired += removed?.retired ?? 0;
    for (const { message } of removed?.kept ?? []) {
      if (summary.warnings.length < LISTED) summary.warnings.push(message);
    }
    for (const one of removed?.failures ?? []) addFailure(summary, one);
  } else if (kind === 'planSync') {
    const plan = decoded<PlanPage>(result);
    if (plan) notePlan(record, plan, page?.cursor ?? '');
  }
}

function notePlan(record: RegionRecord, plan: PlanPage, cursor: string): void {
  const { summary } = record;
  if (cursor === '' && record.total === 0) {
    summary.unchanged = plan.counts.unchanged;
    record.total = plan.counts.upload + plan.counts.finalise;
    record.totalBytes = plan.counts.bytes;
  }
  for (const failure of plan.failures) addFailure(summary, failure);
  for (const warning of plan.warnings)
    if (!summary.warnings.includes(warning)) summary.warnings.push(warning);
  for (const one of plan.unstable) {
    if (!summary.unstable.some(({ key }) => key === one.key)) summary.unstable.push(one);
  }
}

function addFailure(summary: RegionSummary, failure: ItemFailure): void {
  if (summary.failures.some(({ key }) => key === failure.key)) return;
  summary.failureCount += 1;
  if (summary.failures.length < LISTED) summary.failures.push(failure);
}

function identity({ key, product, version, item }: ImageItem) {
  return { key, product, version, item };
}
