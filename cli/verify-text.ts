import type { MetadataComparison, PlannedRow, RegionPlan } from '../contracts/sync.js';
import type { SyncMirrorResult } from '../contracts/workflows.js';
import { counted } from '../contracts/counted.js';
import { formatTable, printable } from './format.js';

/** What a sync would write, open or advertise anew, a line each. */
export function metadataLines({ images, differences, differenceCount, notes }: MetadataComparison): string[] {
  const rest = differenceCount - differences.length;
  const lines = differences.map(({ kind, what, state, why }) =>
    kind === 'item' ? `${state}: ${what}: ${why}` : `to mend: ${kind} ${what}: ${why}`,
  );
  if (rest > 0) lines.push(`… and ${rest} more`);
  if (differenceCount === 0 && images > 0)
    lines.push(`metadata of ${counted(images, 'image')} is as it should be`);
  return [...lines, ...notes.map((note) => `note: ${note}`)];
}

/** How many things of a region are not as the mirror and the configuration want them. */
function differenceCount({ counts, failures, metadata }: RegionPlan): number {
  const { upload, finalise, remove } = counts;
  return upload + finalise + remove + failures.length + (metadata?.differenceCount ?? 0);
}

/** Whether mirror, Glance, the published metadata and the advertised endpoint agree everywhere. */
export function agrees({ plans = [], failedRegions }: SyncMirrorResult): boolean {
  return failedRegions.length === 0 && plans.every((plan) => differenceCount(plan) === 0);
}

/** What differs in each region, as a table. */
export function renderVerification({ mirror, plans = [], failedRegions }: SyncMirrorResult): string {
  const failed = failedRegions.map(
    ({ cloud, region, code, message }) =>
      `${mirror} → ${[cloud, region].filter(Boolean).join('/')}: not compared\n  ${code}: ${printable(message)}\n`,
  );
  return [...plans.map((plan) => regionText(mirror, plan)), ...failed].join('');
}

function regionText(mirror: string, plan: RegionPlan): string {
  const { cloud, region, rows, counts, failures, warnings, metadata } = plan;
  const count = differenceCount(plan);
  const published = metadata && metadata.images > 0 ? `, metadata of ${metadata.images}` : '';
  const head = `${mirror} → ${cloud}/${region}: ${
    count === 0
      ? `all agree (images: ${counts.unchanged}${published})`
      : `${counted(count, 'difference')}, ${counted(counts.unchanged, 'image')} unchanged`
  }\n`;
  const cells = [
    ...rows.map((row) => ['image', `${row.product} ${row.version} ${row.item}`, imageWords(row)]),
    ...failures.map(({ product, version, item, code, message }) => [
      'mirror',
      `${product} ${version} ${item}`,
      `cannot be had: ${code}: ${message}`,
    ]),
    ...(metadata?.differences ?? []).map(({ kind, what, why }) => [kind, what, why]),
  ].map((row) => row.map(printable));
  const listed = cells.length < count ? [`… and ${count - cells.length} more`] : [];
  const notes = [...warnings, ...(metadata?.notes ?? [])].map((note) => `note: ${printable(note)}`);
  const table = cells.length > 0 ? formatTable(['what', 'name', 'difference'], cells) : '';
  return head + table + [...listed, ...notes].map((line) => `${line}\n`).join('');
}

function imageWords({ action, detail }: PlannedRow): string {
  if (action === 'upload') return 'is not in Glance, or not whole';
  return action === 'finalise' ? `has another ${detail}` : `is to be removed: ${detail}`;
}
