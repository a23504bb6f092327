import { join } from 'node:path';
import { checkDigest, DIGEST_ALGORITHMS } from './digest.js';
import type { Digest, DigestAlgorithm } from './types.js';

/** What a name in an algorithm's folder is. */
export type EntryKind = 'whole' | 'facts' | 'part' | 'partFacts' | 'lease' | 'pin' | 'temporary';

const NAME =
  /^([0-9a-f]{32,128})(?:(\.json)|(\.part)|(\.part\.json)|(\.lease)|(\.pin\.[0-9a-f-]{36})|(\.[.\w-]+))?$/;
const KINDS: readonly EntryKind[] = ['facts', 'part', 'partFacts', 'lease', 'pin', 'temporary'];

/** Where things are under the staging folder: the one place that makes paths, and only from checked digests. */
export class Layout {
  readonly documents: string;
  readonly id: string;
  readonly spaceLease: string;

  constructor(readonly root: string) {
    this.documents = join(root, 'documents');
    this.id = join(root, 'id');
    this.spaceLease = join(root, 'space.lease');
  }

  folders(): string[] {
    return [this.documents, ...DIGEST_ALGORITHMS.map((algorithm) => this.folder(algorithm))];
  }

  folder(algorithm: DigestAlgorithm): string {
    return join(this.root, algorithm);
  }

  whole(digest: Digest): string {
    const { algorithm, hex } = checkDigest(digest);
    return join(this.folder(algorithm), hex);
  }

  /** Size and digests of the whole file; its time of change is when the file was last used. */
  facts(digest: Digest): string {
    return `${this.whole(digest)}.json`;
  }

  part(digest: Digest): string {
    return `${this.whole(digest)}.part`;
  }

  partFacts(digest: Digest): string {
    return `${this.whole(digest)}.part.json`;
  }

  lease(digest: Digest): string {
    return `${this.whole(digest)}.lease`;
  }

  pin(digest: Digest, holder: string): string {
    return `${this.whole(digest)}.pin.${holder}`;
  }

  document(hex: string): string {
    return join(this.documents, checkDigest({ algorithm: 'sha256', hex }).hex);
  }
}

/** Reads a name of an algorithm's folder; undefined for what is not ours. */
export function parseEntry(name: string): { hex: string; kind: EntryKind } | undefined {
  const match = NAME.exec(name);
  const hex = match?.[1];
  if (!match || hex === undefined) return undefined;
  const suffix = match.slice(2).findIndex((text) => text !== undefined);
  return { hex, kind: KINDS[suffix] ?? 'whole' };
}
