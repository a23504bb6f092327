import { errorLine } from '../contracts/errors.js';
import { formatBytes } from '../contracts/bytes.js';
import { counted } from '../contracts/counted.js';
import { formatSpan, printable } from './format.js';
import type { PendingStep } from './run-pending.js';
import type { RegionView } from './run-regions.js';
import type { RunView } from './run-view.js';
import { renderPlan, renderSummary } from './summary.js';

/** What `show` says of a run. */
export function renderRun(view: RunView): string {
  const { mirror, regions, failedRegions, plans, scheduled, error } = view;
  const lines = [
    `${view.run}: ${view.status}${view.status === 'running' && view.stage !== '' ? `, ${view.stage}` : ''}`,
    `  started ${view.started}, ${view.ended === undefined ? 'for' : `ended ${view.ended}, took`} ${formatSpan(view.durationMs)}`,
    `  run id ${view.runId}`,
    ...(view.configurationDigest === undefined ? [] : [`  configuration ${view.configurationDigest}`]),
    ...view.clouds.map((cloud) => `  cloud ${cloud}`),
    ...(view.build === undefined || view.build === '' ? [] : [`  build ${view.build}`]),
    ...(view.message === '' ? [] : [`  ${view.message}`]),
    ...(scheduled ? [`  ${scheduled.outcome}: ${scheduled.message}`] : []),
  ];
  if (view.status === 'running' && view.source === 'history') {
    lines.push('  No worker answered within 2 s: this is what the history on the server says.');
  }
  if (!view.whole) lines.push('  The history is too long to be read at once: counts are of its beginning.');
  const blocks = [print(lines)];
  for (const region of regions) {
    if (isOver(view, region))
      blocks.push(renderSummary({ mirror, regions: [region.summary], failedRegions: [] }));
    else blocks.push(print(regionLines(region)));
  }
  if (plans.length > 0) blocks.push(renderPlan({ mirror, regions: [], failedRegions: [], plans }));
  blocks.push(renderSummary({ mirror, regions: [], failedRegions }));
  blocks.push(print(trouble(view)));
  if (error) blocks.push(print([errorLine(error)]));
  return blocks.join('');
}

function isOver({ status }: RunView, { stage }: RegionView): boolean {
  return stage === 'done' && status !== 'cancelled' && status !== 'terminated';
}

function regionLines({
  cloud,
  region,
  stage,
  done,
  total,
  totalBytes,
  summary,
  active,
}: RegionView): string[] {
  const { added, repaired, removed, retired, unchanged, failureCount, uploadedBytes } = summary;
  return [
    `${cloud}/${region}: ${stage}, ${done} of ${counted(total, 'image')}, ${formatBytes(uploadedBytes)} of ${formatBytes(totalBytes)}`,
    `  ${added} added, ${repaired} repaired, ${removed} removed${retired > 0 ? `, ${retired} retired` : ''}, ${unchanged} unchanged, ${failureCount} failed`,
    ...active.map(
      ({ label, stage: step, offset, total: size }) =>
        `  active: ${label} ${step}${step === '' ? '' : ' '}${formatBytes(offset)} of ${formatBytes(size)}`,
    ),
    ...summary.failures.map(
      ({ product, version, item, code, message }) =>
        `  failed: ${product} ${version} ${item}: ${code}: ${message}`,
    ),
    ...(failureCount > summary.failures.length
      ? [`  … and ${failureCount - summary.failures.length} more`]
      : []),
    ...summary.unstable.map(
      ({ product, version, item, message }) => `  not staying: ${product} ${version} ${item}: ${message}`,
    ),
    ...summary.warnings.map((warning) => `  warning: ${warning}`),
  ];
}

function trouble({ pending, taskFailures }: RunView): string[] {
  return [
    ...pending.map(pendingLine),
    ...taskFailures.map(
      ({ run, attempt, message }) =>
        `stands still: the workflow code of ${run} failed, attempt ${attempt}: ${message}`,
    ),
  ];
}

function pendingLine({ run, activity, attempt, lastFailure, nextAttempt, beat }: PendingStep): string {
  const bytes = beat ? ` at ${beat.offset} of ${beat.total}` : '';
  const failure = lastFailure ? `; the last one failed: ${lastFailure.code}: ${lastFailure.message}` : '';
  const next = nextAttempt === undefined ? '' : `; next at ${nextAttempt}`;
  return `pending: ${activity}${bytes} of ${run}, attempt ${attempt}${failure}${next}`;
}

function print(lines: readonly string[]): string {
  return lines.map((line) => `${printable(line)}\n`).join('');
}
