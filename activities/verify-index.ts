import type { Activities } from '../contracts/activities.js';
import { IndexWalk, matchesAll, parseFilter } from '../simplestreams/index.js';
import type { Dependencies } from './dependencies.js';
import { beating } from './heartbeat.js';

const LIMITS = { depth: 8, documents: 200 };

/** Verifies a document and says where it leads: entries that the index filters let through, each document once. */
export function verifyIndex({ settings, documents }: Dependencies): Activities['verifyIndex'] {
  return async ({ run, document: ref, walk: state }) => {
    const mirror = await settings.ofRun(run);
    const { document, signers } = await beating(
      () => ({ stage: 'verify', path: ref.path }),
      (signal) => documents.read(mirror, ref, signal),
    );
    const filters = mirror.indexFilters.map(parseFilter);
    const walk = new IndexWalk(state, LIMITS);
    // An entry that leads to another index carries the datatype of no document, so filters judge documents alone.
    walk.visited(document, (entry) => entry.format === 'index:1.0' || matchesAll(filters, entry.data));
    const { pending, seen } = walk.state();
    return {
      kind: document.kind,
      signers,
      walk: {
        pending: pending.map(({ path, trail, contentId }) => ({ path, trail: [...trail], contentId })),
        seen: [...seen],
      },
    };
  };
}
