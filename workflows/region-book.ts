import { emptySummary } from '../contracts/empty-summary.js';
import type { Stage } from '../contracts/names.js';
import type {
  ImageItem,
  ImageResult,
  ItemFailure,
  PlanPage,
  PlanPosition,
  RegionSummary,
  RemoveResult,
  TargetRef,
} from '../contracts/sync.js';
import type { ActiveImage, Progress, RegionState } from '../contracts/workflows.js';
import type { FailureFacts } from './failures.js';
import { formatBytes } from '../contracts/bytes.js';
import { tell } from './story.js';

/** Failures that a summary lists; the rest is counted. */
const LISTED_FAILURES = 100;

/** Images that a summary names as staying although they should go. */
const LISTED_KEPT = 20;

/** What a region's run has done so far: its position in the plan, its summary, and the answer to `progress`. */
export class RegionBook {
  readonly position: PlanPosition;
  readonly summary: RegionSummary;
  pass: number;
  successes: number;
  probed: boolean;
  private stage: Stage = 'waiting';
  private message = 'Starting';
  private total = 0;
  private totalBytes = 0;
  private readonly active = new Map<string, ActiveImage>();

  constructor(
    private readonly target: TargetRef,
    carried: RegionState | undefined,
  ) {
    this.position = carried?.position ?? { cursor: '', failed: [], repaired: [] };
    this.pass = carried?.pass ?? 1;
    this.successes = carried?.successes ?? 0;
    this.probed = carried?.probed ?? false;
    this.summary = carried?.summary ?? emptySummary(target.cloud, target.region);
  }

  carry(): RegionState {
    const { position, pass, successes, probed, summary } = this;
    return { position, pass, successes, probed, summary };
  }

  tell(stage: Stage, message: string): void {
    this.stage = stage;
    this.message = message;
    tell(stage, `${message}\n\n${this.story()}`);
  }

  story(): string {
    const { added, repaired, removed, retired, unchanged, failureCount, uploadedBytes } = this.summary;
    return `${added} added (${formatBytes(uploadedBytes)}), ${repaired} repaired, ${removed} removed${retired > 0 ? `, ${retired} retired` : ''}, ${unchanged} unchanged, ${failureCount} failed`;
  }

  startPass(pass: number): void {
    this.pass = pass;
    this.successes = 0;
    this.position.cursor = '';
  }

  /** Notes what a page of the plan found. Returns how many of its failures are new. */
  take(page: PlanPage): number {
    const before = this.summary.failureCount;
    const { added, repaired } = this.summary;
    if (this.pass === 1 && this.position.cursor === '' && added + repaired === 0) {
      this.summary.unchanged = page.counts.unchanged;
      this.total = page.counts.upload + page.counts.finalise;
      this.totalBytes = page.counts.bytes;
    }
    for (const failure of page.failures) this.note(failure);
    for (const warning of page.warnings) {
      if (!this.summary.warnings.includes(warning)) this.summary.warnings.push(warning);
    }
    for (const item of page.unstable) this.noteUnstable(item);
    return this.summary.failureCount - before;
  }

  begin(item: ImageItem, small: boolean): void {
    const own = small || item.action === 'finalise' ? {} : { workflowId: item.workflowId };
    this.active.set(item.key, { label: item.image.name, size: item.size, ...own });
  }

  end(item: ImageItem): void {
    this.active.delete(item.key);
  }

  succeed(item: ImageItem, result: ImageResult | undefined): void {
    this.successes += 1;
    if (item.action === 'finalise') {
      this.summary.repaired += 1;
      this.position.repaired.push(item.key);
      return;
    }
    this.summary.added += 1;
    this.summary.fetchedBytes += result?.fetchedBytes ?? 0;
    this.summary.uploadedBytes += result?.uploadedBytes ?? 0;
  }

  fail(item: ImageItem, facts: FailureFacts): void {
    const { key, product, version, item: name } = item;
    this.note({ key, product, version, item: name, code: facts.code, message: facts.message });
  }

  removed(result: RemoveResult): void {
    this.summary.removed += result.removed;
    this.summary.retired += result.retired;
    for (const { key, message } of result.kept) this.keep(key, message);
    for (const failure of result.failures) this.note(failure);
  }

  /** Everything that is still wanted after the last pass this run may make. */
  notConverging(items: ImageItem[]): void {
    for (const { key, product, version, item, action, differs } of items) {
      const message =
        action === 'upload'
          ? 'the image was brought and is missing again'
          : `mended and different again: ${(differs ?? []).join(', ')}`;
      this.noteUnstable({ key, product, version, item, code: 'NotConverging', message });
    }
  }

  progress(): Progress {
    const { added, repaired, failureCount, uploadedBytes } = this.summary;
    const { cloud, region, fingerprint } = this.target;
    return {
      stage: this.stage,
      message: this.message,
      regions: [{ cloud, region, workflowId: '', fingerprint }],
      done: added + repaired,
      total: Math.max(this.total, added + repaired),
      doneBytes: uploadedBytes,
      totalBytes: Math.max(this.totalBytes, uploadedBytes),
      failed: failureCount,
      active: [...this.active.values()],
    };
  }

  /** An image that could not go yet: nothing failed, and it is not tried again in this run. */
  private keep(key: string, message: string): void {
    if (this.position.failed.includes(key)) return;
    this.position.failed.push(key);
    const kept = this.position.failed.filter((one) => one.startsWith('rm:')).length;
    const more = 'more images stay that should go; the next run tries again';
    if (kept <= LISTED_KEPT) this.summary.warnings.push(message);
    else if (!this.summary.warnings.includes(more)) this.summary.warnings.push(more);
  }

  private note(failure: ItemFailure): void {
    if (this.position.failed.includes(failure.key)) return;
    this.position.failed.push(failure.key);
    this.summary.failureCount += 1;
    if (this.summary.failures.length < LISTED_FAILURES) this.summary.failures.push(failure);
  }

  private noteUnstable(failure: ItemFailure): void {
    if (this.summary.unstable.some(({ key }) => key === failure.key)) return;
    if (this.summary.unstable.length < LISTED_FAILURES) this.summary.unstable.push(failure);
  }
}
