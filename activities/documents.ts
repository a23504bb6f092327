import { ImageStreamError } from '../contracts/errors.js';
import { noNotes } from '../contracts/source-notes.js';
import type { DocumentRef } from '../contracts/sync.js';
import type { MirrorSettings } from '../config/index.js';
import type { MirrorClient } from '../mirrors/index.js';
import {
  documentText,
  loadKeyring,
  parseDocument,
  policyFor,
  type StreamDocument,
} from '../simplestreams/index.js';
import type { Staging, Validator } from '../staging/index.js';
import { fromSource, type SourceTurn } from './source-of-attempt.js';

export interface ReadDocument {
  document: StreamDocument;
  /** Fingerprints of good signatures. */
  signers: string[];
}

/** Parsed documents that are kept: a plan is made for each page, and a document may be megabytes. */
const KEPT = 32;

/** The documents of mirrors: fetched into staging, found by digest, verified each time they are read from disk. */
export class Documents {
  private readonly parsed = new Map<string, ReadDocument>();
  private readonly fetched = new Map<string, { ref: DocumentRef; validator: Validator }>();

  constructor(
    private readonly staging: Staging,
    private readonly mirrors: (mirror: MirrorSettings) => MirrorClient,
  ) {}

  /** Fetches a document, or finds it unchanged. @throws MirrorNotFound, MirrorUnreachable, DocumentTooLarge … */
  async fetch(
    mirror: MirrorSettings,
    path: string,
    signal: AbortSignal,
    turn: SourceTurn,
  ): Promise<DocumentRef> {
    return fromSource(mirror, path, turn, (source) => this.fetchFrom(source, mirror, path, signal));
  }

  private async fetchFrom(
    source: string,
    mirror: MirrorSettings,
    path: string,
    signal: AbortSignal,
  ): Promise<DocumentRef> {
    const known = this.fetched.get(source);
    const have = known && (await this.staging.getDocument(digestOf(known.ref)));
    const answer = await this.mirrors(mirror).fetchDocument(source, {
      limit: mirror.documentLimit,
      signal,
      ...(known && have ? { validator: known.validator } : {}),
    });
    if (known && answer.notModified) return known.ref;
    if (answer.notModified) {
      throw new ImageStreamError(
        'MirrorError',
        `The mirror says that ${path} is unchanged, but was not asked`,
      );
    }
    const digest = await this.staging.putDocument(answer.bytes);
    const ref = { path, sha256: digest.hex, size: answer.bytes.length };
    this.fetched.set(source, { ref, validator: answer.validator });
    return ref;
  }

  /**
   * Reads a document by digest. A host that lacks it fetches it again.
   * @throws {ImageStreamError} SourceMoved, when the mirror has another one now; what verification and parsing throw
   */
  async read(mirror: MirrorSettings, ref: DocumentRef, signal: AbortSignal): Promise<ReadDocument> {
    const key = [ref.sha256, ref.path, mirror.signature, mirror.keyring].join('\n');
    const kept = this.parsed.get(key);
    if (kept) {
      this.parsed.delete(key);
      this.parsed.set(key, kept);
      return kept;
    }
    const bytes = await this.bytes(mirror, ref, signal);
    const read = await readBytes(mirror, ref.path, bytes);
    this.parsed.set(key, read);
    for (const oldest of this.parsed.keys()) {
      if (this.parsed.size <= KEPT) break;
      this.parsed.delete(oldest);
    }
    return read;
  }

  /** A document as the mirror has it, by digest. @throws {ImageStreamError} SourceMoved */
  async bytes(mirror: MirrorSettings, ref: DocumentRef, signal: AbortSignal): Promise<Uint8Array> {
    const staged = await this.staging.getDocument(digestOf(ref));
    if (staged) return staged;
    const now = await this.fetchFromAny(mirror, ref.path, signal);
    const again = now.sha256 === ref.sha256 ? await this.staging.getDocument(digestOf(ref)) : undefined;
    if (again) return again;
    throw new ImageStreamError('SourceMoved', `${ref.path} of ${mirror.name} changed since the run began`, {
      retryable: false,
    });
  }

  /** Each source once, since whoever reads a document has no attempt of its own for each. */
  private async fetchFromAny(
    mirror: MirrorSettings,
    path: string,
    signal: AbortSignal,
  ): Promise<DocumentRef> {
    const notes = noNotes();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.fetch(mirror, path, signal, { attempt, notes });
      } catch (error) {
        const more = error instanceof ImageStreamError && attempt <= mirror.fallbackUrls.length;
        if (!more) throw error;
      }
    }
  }
}

/** Signature by the mirror's policy, then the signed bytes alone are parsed. */
async function readBytes(mirror: MirrorSettings, path: string, bytes: Uint8Array): Promise<ReadDocument> {
  const policy = policyFor(path, mirror.signature);
  const keyring = policy === 'require' ? await loadKeyring(mirror.keyring) : undefined;
  const { text, signers } = await documentText(decode(bytes, path), path, policy, keyring);
  return { document: parseDocument(text, path), signers: signers.map(({ fingerprint }) => fingerprint) };
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ImageStreamError('DocumentInvalid', `${path} is not UTF-8`, { details: { path } });
  }
}

function digestOf(ref: DocumentRef) {
  return { algorithm: 'sha256' as const, hex: ref.sha256 };
}
