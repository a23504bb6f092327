import type { OpenRange, Validator } from '../staging/types.js';

/** Milliseconds, and the least that a body must bring. */
interface MirrorTimeouts {
  /** Until a connection stands. @default 10000 */
  connectMs?: number;
  /** From the request to the answer's headers. @default 30000 */
  headersMs?: number;
  /** Between two pieces of a body. @default 30000 */
  bodyMs?: number;
  /** A body that brings fewer than `bytes` in `windowMs` of waiting for it is stalled. @default 64 KiB a minute */
  minimum?: { bytes: number; windowMs: number };
}

export interface MirrorClientOptions {
  /** @default `image-stream` */
  userAgent?: string;
  timeouts?: MirrorTimeouts;
  /** PEM file of authorities to trust besides the well-known ones. */
  caFile?: string;
  /** Proxies; the standard variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY where left out. Loopback is never proxied. */
  proxy?: { http?: string; https?: string; none?: string };
}

export interface DocumentOptions {
  signal: AbortSignal;
  /** The most bytes, as sent and as decoded. @default 64 MiB */
  limit?: number;
  /** Of the copy at hand: the answer is `notModified` when the mirror still has that. */
  validator?: Validator;
}

export type FetchedDocument =
  | { notModified: true }
  | {
      notModified: false;
      bytes: Uint8Array;
      validator: Validator;
      /** Where it came from after redirects, printable. */
      url: string;
    };

/** Reads mirrors at http, https and file URLs and at plain paths. */
export interface MirrorClient {
  /**
   * @throws {ImageStreamError} MirrorUnreachable, MirrorNotFound, MirrorForbidden, MirrorError, MirrorStalled, MirrorRedirect,
   * DocumentTooLarge; an abort is the signal's own reason
   */
  fetchDocument(url: string, options: DocumentOptions): Promise<FetchedDocument>;
  /** Opens ranges of the file at `url` for Staging.download; fails as `fetchDocument` does. */
  openRange(url: string): OpenRange;
  close(): Promise<void>;
}
