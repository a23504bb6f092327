import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Digest, DownloadRequest, OpenRange, Validator } from '../../../staging/index.js';

/** A folder that goes away with the test. */
export async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'image-stream-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export const hex = (algorithm: string, bytes: Uint8Array): string =>
  createHash(algorithm).update(bytes).digest('hex');

export const sha256Of = (bytes: Uint8Array): Digest => ({ algorithm: 'sha256', hex: hex('sha256', bytes) });

export const image = (bytes: number): Buffer => randomBytes(bytes);

interface SourceOptions {
  validator?: Validator;
  chunk?: number;
  /** Ends the body, or fails it with `failure`, after this many bytes of the file. */
  stopAt?: number;
  failure?: Error;
  /** Answers from 0 whatever is asked. */
  noRanges?: boolean;
  total?: number;
  beforeChunk?: (offset: number) => Promise<void> | void;
}

export interface Source {
  open: OpenRange;
  opened: { offset: number; validator: Validator | undefined }[];
  served: number;
}

/** A source in memory that says what it was asked for and how much it gave. */
export function sourceOf(bytes: Buffer, options: SourceOptions = {}): Source {
  const { validator = { etag: '"1"' }, chunk = 64 * 1024, stopAt = bytes.length } = options;
  const source: Source = {
    opened: [],
    served: 0,
    open: async (asked, known, signal) => {
      source.opened.push({ offset: asked, validator: known });
      const offset = options.noRanges ? 0 : asked;
      async function* body(): AsyncGenerator<Uint8Array> {
        for (let at = offset; at < stopAt; at += chunk) {
          signal.throwIfAborted();
          await options.beforeChunk?.(at);
          const piece = bytes.subarray(at, Math.min(at + chunk, stopAt));
          source.served += piece.length;
          yield piece;
        }
        if (options.failure) throw options.failure;
      }
      return { offset, total: options.total ?? bytes.length, validator, body: body() };
    },
  };
  return source;
}

export function request(bytes: Buffer, source: Source, more: Partial<DownloadRequest> = {}): DownloadRequest {
  return {
    digest: sha256Of(bytes),
    size: bytes.length,
    source: 'http://mirror.test/image',
    open: source.open,
    signal: new AbortController().signal,
    ...more,
  };
}
