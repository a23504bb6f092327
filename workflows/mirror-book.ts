import type { Stage } from '../contracts/names.js';
import type { RegionFailure, RegionPlan, RegionSummary, TargetRef } from '../contracts/sync.js';
import type { Progress, SyncMirrorResult, SyncRegionResult } from '../contracts/workflows.js';
import { tell } from './story.js';

/** What a mirror's run knows of its regions. */
export class MirrorBook {
  private stage: Stage = 'planning';
  private message = 'Starting';
  private readonly running: Progress['regions'] = [];
  private readonly summaries: RegionSummary[] = [];
  private readonly plans: RegionPlan[] = [];
  private failures: RegionFailure[] = [];
  private moved = 0;

  constructor(private readonly mirror: string) {}

  tell(stage: Stage, message: string): void {
    this.stage = stage;
    this.message = message;
    tell(stage, message);
  }

  started(region: Progress['regions'][number]): void {
    if (!this.running.some(({ workflowId }) => workflowId === region.workflowId)) this.running.push(region);
  }

  /** The regions whose runs were started. */
  whereto(): string {
    return this.running.map(({ cloud, region }) => `${cloud}/${region}`).join(', ');
  }

  /** Where they lead. */
  targets(): TargetRef[] {
    return this.running.map(({ cloud, region, fingerprint }) => ({ cloud, region, fingerprint }));
  }

  ended(result: SyncRegionResult): void {
    if (result.outcome === 'done') this.summaries.push(result.summary);
    else if (result.outcome === 'planned') this.plans.push(result.plan);
    else this.moved += 1;
  }

  failed(failure: RegionFailure): void {
    this.failures.push(failure);
  }

  get sourceMoved(): boolean {
    return this.moved > 0;
  }

  isDone(cloud: string, region: string): boolean {
    const same = (one: { cloud: string; region: string }) => one.cloud === cloud && one.region === region;
    return this.summaries.some(same) || this.plans.some(same);
  }

  /** Forgets what failed while the source moved: it gets its chance with the new documents. */
  startAgain(): void {
    this.moved = 0;
    this.failures = [];
  }

  story(): string {
    const parts = this.summaries.map(
      ({ cloud, region, added, removed, failureCount }) =>
        `${cloud}/${region}: ${added} added, ${removed} removed, ${failureCount} failed`,
    );
    return [...parts, ...this.failures.map(({ cloud, region, code }) => `${cloud}/${region}: ${code}`)].join(
      '\n\n',
    );
  }

  progress(): Progress {
    return {
      stage: this.stage,
      message: this.message,
      regions: this.running,
      done: 0,
      total: 0,
      doneBytes: 0,
      totalBytes: 0,
      failed: this.failures.length,
      active: [],
    };
  }

  result(): SyncMirrorResult {
    const { mirror, summaries: regions, failures: failedRegions, plans } = this;
    return { mirror, regions, failedRegions, ...(plans.length > 0 ? { plans } : {}) };
  }
}
