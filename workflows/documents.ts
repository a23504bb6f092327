import type { MirrorRun } from '../contracts/activities.js';
import type { DocumentRef, WalkState } from '../contracts/sync.js';
import { sourceSteps } from './steps.js';

/** Fetches and verifies the first document and whatever its index names; returns them in order. */
export async function fetchDocuments(mirror: MirrorRun, waitMs: number | null): Promise<DocumentRef[]> {
  const { run, path } = mirror;
  const documents: DocumentRef[] = [];
  let walk: WalkState = { pending: [{ path, trail: [], contentId: undefined }], seen: [] };
  for (let step = walk.pending[0]; step !== undefined; step = walk.pending[0]) {
    const steps = sourceSteps(waitMs, step.path.slice(0, 200));
    const document = await steps.fetchIndex({ run, path: step.path });
    const verified = await steps.verifyIndex({ run, document, walk });
    documents.push(document);
    walk = verified.walk;
  }
  return documents;
}
