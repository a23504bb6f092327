import { formatBytes } from '../../contracts/bytes.js';
import { counted } from '../../contracts/counted.js';
import { printable } from '../format.js';
import type { ImageProgress, RegionProgress, RetriedStep, RunProgress } from './watch.js';

const BAR = 20;

/** The lines of a live display, each at most `columns` wide. */
export function renderProgress(mirror: string, run: RunProgress, columns: number): string[] {
  const lines = [`${mirror}: ${messageOf(run)}`];
  for (const step of run.retrying) lines.push(`  ${retryText(step)}`);
  for (const region of run.regions) {
    lines.push(`  ${regionLine(region)}`);
    for (const image of region.images) lines.push(`    ${imageLine(image)}`);
    for (const step of region.retrying) lines.push(`    ${retryText(step)}`);
  }
  return lines.map((line) => cut(printable(line), columns));
}

/** One line for each region and one for each step that is tried again, for logs and pipes. */
export function plainProgress(mirror: string, run: RunProgress): string[] {
  const lines = run.regions.length === 0 ? [`${mirror}: ${messageOf(run)}`] : [];
  for (const step of run.retrying) lines.push(`${mirror}: ${retryText(step)}`);
  for (const region of run.regions) {
    const name = `${mirror} ${region.cloud}/${region.region}`;
    lines.push(`${mirror} ${regionLine(region)}`);
    for (const image of region.images) {
      if (image.lastFailure) lines.push(`${name}: ${retryText(image, image.label)}`);
    }
    for (const step of region.retrying) lines.push(`${name}: ${retryText(step)}`);
  }
  return lines.map(printable);
}

function messageOf({ progress, silent }: RunProgress): string {
  if (progress) return progress.message;
  return silent ? 'No worker answers; the run waits for one' : 'Starting';
}

function regionLine({ cloud, region, progress, images }: RegionProgress): string {
  const { stage, done, total, doneBytes, totalBytes, failed } = progress;
  const failures = failed > 0 ? `, ${failed} failed` : '';
  if (total === 0) return `${cloud}/${region}: ${stage}${failures}`;
  const sum = (of: (image: ImageProgress) => number) =>
    formatBytes(Math.min(totalBytes, doneBytes + images.reduce((bytes, image) => bytes + of(image), 0)));
  const bytes = `${sum(downloaded)} of ${formatBytes(totalBytes)} downloaded, ${sum(uploaded)} uploaded`;
  return `${cloud}/${region}: ${stage}, ${done} of ${counted(total, 'image')}, ${bytes}${failures}`;
}

const AFTER_DOWNLOAD = ['verifyChecksum', 'uploadImage', 'finaliseImage'];

/** Bytes of an unfinished image that are in staging. */
function downloaded({ activity, offset, total }: ImageProgress): number {
  if (activity === 'downloadImage') return offset;
  return AFTER_DOWNLOAD.includes(activity) ? total : 0;
}

/** Bytes of an unfinished image that Glance was sent. */
function uploaded({ activity, stage, offset, total }: ImageProgress): number {
  if (activity === 'finaliseImage') return total;
  return stage === 'upload' ? offset : 0;
}

function retryText({ activity, attempt, lastFailure }: RetriedStep, of?: string): string {
  const what = of === undefined ? activity : `${activity} of ${of}`;
  return `retrying ${what}, attempt ${attempt}: ${reasonOf(lastFailure)}`;
}

function reasonOf(failure: RetriedStep['lastFailure']): string {
  return failure ? `${failure.code}: ${failure.message}` : '';
}

function imageLine({ label, stage, offset, total, attempt, lastFailure }: ImageProgress): string {
  const again = lastFailure ? ` (attempt ${attempt}: ${reasonOf(lastFailure)})` : '';
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
