import type { Readable } from 'node:stream';

/** The algorithms that simplestreams items name, strongest first. */
export type DigestAlgorithm = 'sha512' | 'sha256' | 'md5';

/** Names the content of a file. `hex` is lower case, of the algorithm's length. */
export interface Digest {
  algorithm: DigestAlgorithm;
  hex: string;
}

/** All three digests of one file, lower hex: Glance wants md5 and sha512, mirrors mostly name sha256. */
export interface FileDigests {
  md5: string;
  sha256: string;
  sha512: string;
}

/** A whole file whose bytes had the digest that names it when they were last read. `size` is in bytes. */
export interface StagedFile {
  path: string;
  size: number;
  digests: FileDigests;
}

/** What tells one version of a source's file from the next (RFC 9110 section 8.8). */
export interface Validator {
  etag?: string;
  lastModified?: string;
}

/** A source's answer: `body` starts at byte `offset`; `total` is the size of the whole file where the source tells it. */
export interface OpenedRange {
  offset: number;
  total?: number;
  validator: Validator;
  body: AsyncIterable<Uint8Array>;
}

/**
 * Opens the bytes from `offset` on. The source may answer from offset 0 instead, when it cannot resume or when
 * `validator` no longer matches.
 */
export type OpenRange = (
  offset: number,
  validator: Validator | undefined,
  signal: AbortSignal,
) => Promise<OpenedRange>;

/** Where a transfer is: bytes of the file on disk (download) or read again (verify), out of `total`. */
export interface TransferProgress {
  stage: 'download' | 'verify';
  offset: number;
  total: number;
  /** Bytes that were already on disk when this download began. */
  resumedFrom: number;
}

export interface DownloadRequest {
  digest: Digest;
  /** Bytes, as the mirror announced them. */
  size: number;
  /** The printable URL (contracts/urls.ts): it is written to disk and into messages. */
  source: string;
  open: OpenRange;
  signal: AbortSignal;
  onProgress?: (progress: TransferProgress) => void;
}

export interface DownloadedFile extends StagedFile {
  /** Bytes that this call took from the source. */
  fetchedBytes: number;
  /** Bytes that were kept from earlier attempts; the whole size when nothing had to be fetched. */
  resumedFrom: number;
}

export interface VerifyOptions {
  signal: AbortSignal;
  onProgress?: (progress: TransferProgress) => void;
}

/** An open, pinned file: nothing evicts it before `release`, which may be called twice. */
export interface StagedReader {
  stream: Readable;
  size: number;
  digests: FileDigests;
  release(): Promise<void>;
}

/** What the staging folder holds, in bytes and files. `reservedBytes` are promised to running downloads. */
export interface StagingUsage {
  wholeFiles: number;
  wholeBytes: number;
  partFiles: number;
  partBytes: number;
  documents: number;
  documentBytes: number;
  reservedBytes: number;
  budgetBytes: number | undefined;
}

export interface StagingOptions {
  /** The staging folder; made when missing. Workers may share it. */
  root: string;
  /** The most bytes that the folder may hold. Without it the disk is the limit. */
  budgetBytes?: number;
  /** Milliseconds without renewal after which a lease counts as abandoned. @default 15000 */
  leaseStaleMs?: number;
  /** Milliseconds during which a file just used is kept although its space is wanted. @default 60000 */
  holdMs?: number;
}
