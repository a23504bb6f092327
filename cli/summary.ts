import type { RegionPlan, RegionSummary } from '../contracts/sync.js';
import type { SyncMirrorResult } from '../contracts/workflows.js';
import { DIRECTORY } from '../contracts/names.js';
import { formatBytes } from '../contracts/bytes.js';
import { counted } from '../contracts/counted.js';
import { formatTable, printable } from './format.js';
import { metadataLines } from './verify-text.js';

const WIDEST_CELL = 100;

/** What a sync did, region by region. */
export function renderSummary({ mirror, regions, failedRegions }: SyncMirrorResult): string {
  const blocks = regions.map((region) => printRegion(mirror, region));
  for (const { cloud, region, code, message } of failedRegions) {
    blocks.push(
      `${mirror} → ${[cloud, region].filter(Boolean).join('/')}: failed\n  ${code}: ${printable(message)}\n`,
    );
  }
  return blocks.join('');
}

function printRegion(mirror: string, summary: RegionSummary): string {
  const { cloud, region, added, repaired, removed, retired, unchanged, failureCount } = summary;
  const changed = added + repaired + removed + retired > 0;
  const thing = cloud === DIRECTORY ? 'file' : 'image';
  const counts = [
    `${added} added${added > 0 ? ` (${formatBytes(summary.uploadedBytes)})` : ''}`,
    repaired > 0 ? `${repaired} repaired` : '',
    `${removed} removed`,
    retired > 0 ? `${retired} retired` : '',
    `${unchanged} unchanged`,
    failureCount > 0 ? `${failureCount} failed` : '',
  ].filter((part) => part !== '');
  const what =
    !changed && failureCount === 0
      ? `nothing to do, ${counted(unchanged, thing)} ${unchanged === 1 ? 'is as it' : 'are as they'} should be`
      : counts.join(', ');
  const lines = [`${mirror} → ${cloud}/${region}: ${what}`];
  if (summary.published && summary.published.products !== 'none') {
    const { products, index, images, publicUrl } = summary.published;
    const state = products === 'unchanged' && index === 'unchanged' ? 'unchanged' : 'written';
    lines.push(
      thing === 'file'
        ? `  documents ${state}`
        : `  metadata of ${counted(images, thing)} ${state}${publicUrl ? `: ${publicUrl}` : ''}`,
    );
  }
  if (summary.advertised && summary.advertised.state !== 'skipped') {
    lines.push(`  product-streams endpoint ${summary.advertised.state}: ${summary.advertised.url}`);
  }
  for (const { code, product, version, item, message } of summary.failures) {
    lines.push(`  failed: ${product} ${version} ${item}: ${code}: ${message}`);
  }
  if (failureCount > summary.failures.length)
    lines.push(`  … and ${failureCount - summary.failures.length} more`);
  for (const { product, version, item, message } of summary.unstable) {
    lines.push(`  not staying: ${product} ${version} ${item}: ${message}`);
  }
  for (const warning of summary.warnings) lines.push(`  warning: ${warning}`);
  return lines.map((line) => `${printable(line)}\n`).join('');
}

/** One overlong name must not push every other row off the screen. */
function shortened(cell: string): string {
  return cell.length > WIDEST_CELL ? `${cell.slice(0, WIDEST_CELL - 1)}…` : cell;
}

/** The plan of a dry run as a table. */
export function renderPlan({ mirror, plans = [], failedRegions }: SyncMirrorResult): string {
  return (
    plans.map((plan) => printPlan(mirror, plan)).join('') +
    renderSummary({ mirror, regions: [], failedRegions })
  );
}

function printPlan(
  mirror: string,
  { cloud, region, rows, cut, counts, failures, warnings, metadata }: RegionPlan,
): string {
  const { upload, finalise, remove, unchanged, bytes } = counts;
  const head = `${mirror} → ${cloud}/${region}: ${upload} to upload (${formatBytes(bytes)}), ${finalise} to repair, ${remove} to remove, ${unchanged} unchanged\n`;
  const names = { upload: 'upload', finalise: 'repair', remove: 'remove', retire: 'retire' };
  const cells = rows.map(({ action, product, version, item, size, detail }) =>
    [names[action], product, version, item, action === 'upload' ? formatBytes(size) : '', detail].map(
      (cell) => shortened(printable(cell)),
    ),
  );
  const table =
    rows.length > 0 ? formatTable(['action', 'product', 'version', 'item', 'size', 'why'], cells) : '';
  const tail = [
    cut ? `… and more than the ${rows.length} that are listed` : '',
    ...failures.map(
      ({ product, version, item, code, message }) =>
        `cannot: ${product} ${version} ${item}: ${code}: ${message}`,
    ),
    ...warnings.map((warning) => `warning: ${warning}`),
    ...(metadata ? metadataLines(metadata) : []),
  ].filter((line) => line !== '');
  return head + table + tail.map((line) => `${printable(line)}\n`).join('');
}
