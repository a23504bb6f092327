import { ApplicationFailure } from '@temporalio/workflow';
import type { MirrorRun } from '../contracts/activities.js';
import type { DocumentRef } from '../contracts/sync.js';
import { sourceSteps } from './steps.js';

/** An index may name other indexes; more documents than this is not a mirror but an attack on one. */
const MAX_DOCUMENTS = 200;

/** Fetches and verifies the first document and whatever its index names; returns the products documents, in order. */
export async function fetchDocuments(mirror: MirrorRun, waitMs: number | null): Promise<DocumentRef[]> {
  const { run, path } = mirror;
  const steps = sourceSteps(waitMs);
  const products: DocumentRef[] = [];
  const seen = new Set<string>([path]);
  const queue = [path];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const document = await steps.fetchIndex({ run, path: next });
    const verified = await steps.verifyIndex({ run, document });
    if (verified.kind === 'products') {
      products.push(document);
      continue;
    }
    for (const child of verified.documents) {
      if (seen.has(child)) continue;
      seen.add(child);
      queue.push(child);
    }
    if (seen.size > MAX_DOCUMENTS) {
      throw ApplicationFailure.nonRetryable(
        `The index ${path} leads to more than ${MAX_DOCUMENTS} documents`,
        'DocumentCycle',
      );
    }
  }
  return products;
}
