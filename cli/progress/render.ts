import { formatBytes } from '../../contracts/bytes.js';
import { counted } from '../../contracts/counted.js';
import { printable } from '../format.js';
import type { ImageProgress, RegionProgress, RunProgress } from './watch.js';

const BAR = 20;

/** The lines of a live display, each at most `columns` wide. */
export function renderProgress(mirror: string, run: RunProgress, columns: number): string[] {
  const lines = [`${mirror}: ${run.progress?.message ?? 'Starting'}`];
  for (const text of run.retrying) lines.push(`  ${text}`);
  for (const region of run.regions) {
    lines.push(`  ${regionLine(region)}`);
    for (const image of region.images) lines.push(`    ${imageLine(image)}`);
  }
  return lines.map((line) => cut(printable(line), columns));
}

/** One line for each region, for logs and pipes. */
export function plainProgress(mirror: string, run: RunProgress): string[] {
  if (run.regions.length === 0) {
    return [
      `${mirror}: ${run.progress?.message ?? 'Starting'}`,
      ...run.retrying.map((text) => `${mirror}: ${text}`),
    ].map(printable);
  }
  return run.regions.map((region) => printable(`${mirror} ${regionLine(region)}`));
}

function regionLine({ cloud, region, progress }: RegionProgress): string {
  const { stage, done, total, doneBytes, totalBytes, failed } = progress;
  const failures = failed > 0 ? `, ${failed} failed` : '';
  if (total === 0) return `${cloud}/${region}: ${stage}${failures}`;
  return `${cloud}/${region}: ${stage}, ${done} of ${counted(total, 'image')}, ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}${failures}`;
}

function imageLine({ label, stage, offset, total, attempt, lastFailure }: ImageProgress): string {
  const again = attempt > 1 ? ` (attempt ${attempt}${lastFailure ? `: ${lastFailure}` : ''})` : '';
  if (total === 0) return `${label} ${stage}${again}`;
  const share = Math.min(1, offset / total);
  const filled = Math.round(share * BAR);
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}]`;
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return `${bar} ${percent} ${stage.padEnd(8)} ${label} ${formatBytes(offset)}/${formatBytes(total)}${again}`;
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, Math.max(0, columns - 1))}…`;
}
