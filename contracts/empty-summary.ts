import type { RegionSummary } from './sync.js';

/** The summary of a region in which nothing has happened yet. */
export function emptySummary(cloud: string, region: string): RegionSummary {
  return {
    cloud,
    region,
    added: 0,
    repaired: 0,
    removed: 0,
    retired: 0,
    unchanged: 0,
    fetchedBytes: 0,
    uploadedBytes: 0,
    failures: [],
    failureCount: 0,
    warnings: [],
    unstable: [],
  };
}
