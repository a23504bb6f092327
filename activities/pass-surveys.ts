import { Context } from '@temporalio/activity';
import type { Work } from '../targets/plan.js';

/** Milliseconds that a survey counts: a pass over slow images shall look at the cloud again now and then. */
const FRESH_MS = 300_000;
/** Items of all kept surveys; about 3 kB each. */
const KEPT_ITEMS = 20_000;

/**
 * What runs found at the beginning of a pass, for its later pages; by run, so that no run ever sees another one's. A worker that lacks it
 * looks at the cloud again, which is always right.
 */
export class PassSurveys {
  private readonly kept = new Map<string, { work: Work; until: number }>();

  /** That of the activity's run, if it is fresh. */
  survey(): Work | undefined {
    const found = this.kept.get(runKey());
    return found && found.until > Date.now() ? found.work : undefined;
  }

  /** Keeps one in place of the run's former one; the oldest go where all together are too many. */
  keep(work: Work): void {
    const key = runKey();
    this.kept.delete(key);
    this.kept.set(key, { work, until: Date.now() + FRESH_MS });
    let items = 0;
    for (const [other, { work: its, until }] of [...this.kept].reverse()) {
      items += its.items.length;
      if (other !== key && (items > KEPT_ITEMS || until <= Date.now())) this.kept.delete(other);
    }
  }
}

function runKey(): string {
  const { workflowExecution, activityId } = Context.current().info;
  return workflowExecution ? `${workflowExecution.workflowId}\n${workflowExecution.runId}` : activityId;
}
