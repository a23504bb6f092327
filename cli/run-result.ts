import { ApplicationFailure } from '@temporalio/common';
import type { SyncMirrorResult } from '../contracts/workflows.js';

/** The summary that an incomplete sync carries in its failure. */
export function summaryOf(error: unknown): SyncMirrorResult | undefined {
  let current: unknown = error;
  while (current instanceof Error) {
    if (current instanceof ApplicationFailure) {
      const detail: unknown = current.details?.[0];
      return hasSummary(detail) ? detail.summary : undefined;
    }
    current = current.cause;
  }
  return undefined;
}

/** What our own workflow wrote into its failure: its type is the contract's. */
function hasSummary(detail: unknown): detail is { summary: SyncMirrorResult } {
  return (
    typeof detail === 'object' &&
    detail !== null &&
    'summary' in detail &&
    typeof detail.summary === 'object' &&
    detail.summary !== null &&
    'regions' in detail.summary
  );
}
