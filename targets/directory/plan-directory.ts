import { itemKey, workflowId } from '../../contracts/ids.js';
import { DIRECTORY } from '../../contracts/names.js';
import type { Digest, ImageItem, Removal } from '../../contracts/sync.js';
import { resolveWork } from '../../simplestreams/index.js';
import { groupBy } from '../grouping.js';
import { notToBeHad, orderOf, workItem } from '../plan-item.js';
import type { CandidateItem, WantedItem, Work } from '../plan-types.js';
import type { HeldFile, Identity } from './held-files.js';
import type { FoundFile } from './survey-directory.js';

export interface DirectoryPlanInput {
  /** The mirror's items that passed the filters. */
  items: readonly CandidateItem[];
  /** What was placed or adopted. */
  held: readonly FoundFile[];
  settings: { max: number | undefined; keep: boolean };
  /** Real path of the folder. */
  root: string;
  /** Also list the removals that would follow the downloads. */
  preview: boolean;
}

/**
 * What is to be done in one folder: resolve-work for each product over the versions that it holds (reference §2.3), then item by item, so
 * that an item which newly matches joins a version that is already there. A product of which nothing passes the filters is left as it is,
 * as sstream-mirror does. A file goes when the last item that it is there for goes, and only when nothing of the product is missing.
 */
export function planDirectory(input: DirectoryPlanInput): Work {
  const work: Work = { items: [], removals: [], unchanged: 0, failures: [], unstable: [] };
  const byProduct = groupBy(input.items, ({ sourceContentId, product }) =>
    productKey(sourceContentId, product),
  );
  const heldOf = heldVersions(input.held);
  const claims = new Claims(input.held);
  const gone = new Set<string>();
  const settled = new Set<string>();
  [...byProduct.keys()].sort().forEach((key, index) => {
    const { missing, remove } = planProduct(
      input,
      byProduct.get(key) ?? [],
      heldOf.get(key) ?? new Set(),
      index + 1,
      claims,
      work,
    );
    if (missing && !input.preview) return;
    settled.add(key);
    for (const version of remove) gone.add(versionKey(key, version));
  });
  work.removals = removalsOf(input, claims, settled, gone);
  return work;
}

/** Plans one product. Says whether something of it is missing, and which versions go. */
function planProduct(
  { settings, root }: DirectoryPlanInput,
  items: readonly CandidateItem[],
  held: ReadonlySet<string>,
  rank: number,
  claims: Claims,
  work: Work,
): { missing: boolean; remove: string[] } {
  const versions = groupBy(items, ({ version }) => version);
  const { add, remove } = resolveWork({ source: versions.keys(), target: held, ...settings });
  const coming = new Set(add);
  const going = new Set(remove);
  const wanted = [...versions.keys()]
    .filter((version) => coming.has(version) || (held.has(version) && !going.has(version)))
    .sort((a, b) => (a < b ? 1 : -1));
  let missing = false;
  wanted.forEach((version, place) => {
    for (const candidate of [...(versions.get(version) ?? [])].sort((a, b) => (a.item < b.item ? -1 : 1))) {
      const key = itemKey(candidate.sourceContentId, candidate.product, version, candidate.item);
      const refusal =
        'code' in candidate.facts ? candidate.facts : claims.claim(candidate, candidate.facts.digest);
      if (refusal) {
        work.failures.push(notToBeHad(key, candidate, refusal.code, refusal.message));
        missing = true;
      } else if (claims.isSound(candidate)) {
        work.unchanged += 1;
      } else if (claims.first(candidate)) {
        missing = true;
        const item = fileItem(root, { ...candidate, ...(candidate.facts as WantedItem) }, key);
        work.items.push({ key, order: orderOf(rank, place, candidate.item), item });
      }
    }
  });
  return { missing, remove };
}

/** Which item wants which path, and what is there. */
class Claims {
  private readonly digests = new Map<string, string>();
  private readonly begun = new Set<string>();
  private readonly wanted = new Map<string, string>();
  readonly held: ReadonlyMap<string, FoundFile>;

  constructor(held: DirectoryPlanInput['held']) {
    this.held = new Map(held.map((file) => [file.path, file]));
  }

  /** Says why an item cannot have its path, if so: another one wants other bytes there. */
  claim(item: CandidateItem, digest: Digest): { code: string; message: string } | undefined {
    const text = `${digest.algorithm}:${digest.hex}`;
    const other = this.digests.get(item.path);
    if (other !== undefined && other !== text) {
      return { code: 'ItemInvalid', message: `another item has the path ${item.path} with other bytes` };
    }
    this.digests.set(item.path, text);
    this.wanted.set(identityKey([item.sourceContentId, item.product, item.version, item.item]), item.path);
    return undefined;
  }

  isSound({ path, facts }: CandidateItem): boolean {
    const file = this.held.get(path);
    if (!file?.sound || 'code' in facts) return false;
    const { digest, size } = facts;
    return file.size === size && file.digest.algorithm === digest.algorithm && file.digest.hex === digest.hex;
  }

  /** Whether this is the first item that brings the file. */
  first({ path }: CandidateItem): boolean {
    if (this.begun.has(path)) return false;
    this.begun.add(path);
    return true;
  }

  /** Whether a file is wanted at its path now. */
  wants(path: string): boolean {
    return this.digests.has(path);
  }

  /** Whether an item that a file was placed for now has another path. */
  moved(path: string, item: Identity): boolean {
    const now = this.wanted.get(identityKey(item));
    return now !== undefined && now !== path;
  }
}

function removalsOf(
  { held }: DirectoryPlanInput,
  claims: Claims,
  settled: ReadonlySet<string>,
  gone: ReadonlySet<string>,
): Removal[] {
  const goes = (path: string, identity: Identity) => {
    const [contentId, product, version] = identity;
    const key = productKey(contentId, product);
    return gone.has(versionKey(key, version)) || (settled.has(key) && claims.moved(path, identity));
  };
  return held.flatMap(({ path, items }) => {
    const [first] = items;
    if (!first || claims.wants(path) || !items.every((identity) => goes(path, identity))) return [];
    const [contentId, product, version, item] = first;
    const names = { key: `rm:${path}`, imageId: path, name: path, mirror: undefined };
    return [
      {
        ...names,
        contentId,
        product,
        version,
        item,
        action: 'delete' as const,
        reason: 'superseded' as const,
      },
    ];
  });
}

function fileItem(root: string, wanted: WantedItem, key: string): ImageItem {
  const { sourceContentId: contentId, product, version, item, path } = wanted;
  return workItem(wanted, {
    key,
    workflowId: workflowId.syncImage(DIRECTORY, root, contentId, product, version, item),
    action: 'upload',
    contentId,
    image: { name: path, diskFormat: '', containerFormat: '', visibility: 'public', properties: {} },
  });
}

function heldVersions(held: readonly HeldFile[]): Map<string, Set<string>> {
  const versions = new Map<string, Set<string>>();
  for (const { items } of held) {
    for (const [contentId, product, version] of items) {
      const key = productKey(contentId, product);
      const known = versions.get(key);
      if (known) known.add(version);
      else versions.set(key, new Set([version]));
    }
  }
  return versions;
}

function productKey(contentId: string, product: string): string {
  return JSON.stringify([contentId, product]);
}

function versionKey(product: string, version: string): string {
  return `${product}\n${version}`;
}

function identityKey(identity: Identity): string {
  return JSON.stringify(identity);
}
