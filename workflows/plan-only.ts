import type { PlanPosition, PlannedRow, RegionPlan } from '../contracts/sync.js';
import type { SyncRegionInput } from '../contracts/workflows.js';
import { cloudSteps } from './steps.js';

/** Rows of a dry run that a result carries. */
const MAX_ROWS = 1_000;

/**
 * What a sync would do: every page as a pass would see it, the removals that the uploads would allow, and what it would publish
 * and advertise anew; nothing is changed.
 */
export async function collectPlan(
  { run, target, documents, settings, audit, allowOlder }: SyncRegionInput,
  pageSize: number,
): Promise<RegionPlan> {
  const position: PlanPosition = { cursor: '', failed: [], repaired: [] };
  const rows: PlannedRow[] = [];
  let plan: RegionPlan | undefined;
  do {
    const page = await cloudSteps('dry run').planSync({
      run,
      target,
      documents,
      position,
      pageSize,
      preview: true,
      ...(allowOlder ? { allowOlder } : {}),
    });
    plan ??= {
      cloud: target.cloud,
      region: target.region,
      rows,
      cut: false,
      counts: page.counts,
      failures: page.failures,
      warnings: page.warnings,
    };
    for (const { action, product, version, item, size, differs } of page.items) {
      rows.push({ action, product, version, item, size, detail: (differs ?? []).join(', ') });
    }
    for (const { product, version, item, reason, action } of page.removals) {
      const what =
        action === 'delete'
          ? { action: 'remove' as const, detail: reason }
          : { action: 'retire' as const, detail: `${reason}: ${action}` };
      rows.push({ product, version, item, size: 0, ...what });
    }
    position.cursor = page.next;
  } while (position.cursor !== '' && rows.length < MAX_ROWS);
  plan.cut = position.cursor !== '';
  if (settings.publish) {
    const pending = plan.counts.upload + plan.counts.finalise > 0;
    plan.metadata = await cloudSteps('published metadata').compareMetadata({
      run,
      target,
      documents,
      pending,
      audit: audit ?? false,
    });
  }
  return plan;
}
