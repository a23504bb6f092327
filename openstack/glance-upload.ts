import { Readable } from 'node:stream';
import type { Call } from './http-client.js';
import { serviceError } from './service-errors.js';

export interface UploadOptions {
  /** Bytes that the body has; exactly these are sent. */
  readonly size: number;
  readonly signal?: AbortSignal;
  /** Told the bytes taken by the connection so far. */
  readonly onProgress?: (sent: number) => void;
  /** Milliseconds in which Glance must take the next bytes. @default 120_000 */
  readonly stallTimeout?: number;
}

/** Glance hashes and stores before it answers, and some stores copy the whole image once more. */
export const UPLOAD_ANSWER_TIMEOUT = 30 * 60_000;
const STALL_TIMEOUT = 120_000;
/** Bytes read ahead of the connection. */
const READ_AHEAD = 256 * 1024;

/**
 * The body of an upload: counts what the connection takes, ends the upload when it takes nothing for too long, and keeps
 * the body's own error apart from the connection's. A body that is slow itself is no stall.
 */
export class UploadBody {
  readonly stream: Readable;
  /** Aborts when the upload stalls or the caller's signal does. */
  readonly signal: AbortSignal;
  readonly #stalled = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #source: Readable | AsyncIterable<Uint8Array>;
  #waitingSince: number | undefined;
  #sourceError: Error | undefined;

  constructor(source: Readable | AsyncIterable<Uint8Array>, call: Call, options: UploadOptions) {
    this.#source = source;
    this.stream = Readable.from(this.#counted(options), { objectMode: false, highWaterMark: READ_AHEAD });
    this.signal = AbortSignal.any([this.#stalled.signal, ...(options.signal ? [options.signal] : [])]);
    const timeout = options.stallTimeout ?? STALL_TIMEOUT;
    this.#timer = setInterval(
      () => {
        if (this.#waitingSince === undefined || Date.now() - this.#waitingSince < timeout) return;
        this.#stalled.abort(serviceError({ ...call, condition: 'stalled' }));
      },
      Math.min(1000, timeout / 2),
    );
    this.#timer.unref();
  }

  /** The error of the body itself, where that is what ended the upload. */
  get sourceError(): Error | undefined {
    return this.#sourceError;
  }

  /** Frees the body, whether it was read to its end or not. */
  end(): void {
    clearInterval(this.#timer);
    this.stream.destroy();
    if (this.#source instanceof Readable) this.#source.destroy();
  }

  async *#counted({ onProgress }: UploadOptions): AsyncGenerator<Uint8Array, void, undefined> {
    let sent = 0;
    try {
      for await (const chunk of this.#source as AsyncIterable<Uint8Array>) {
        this.#waitingSince = Date.now();
        yield chunk;
        this.#waitingSince = undefined;
        sent += chunk.length;
        onProgress?.(sent);
      }
    } catch (error) {
      // At `yield` it is the connection's error that comes in.
      if (this.#waitingSince === undefined) {
        this.#sourceError = error instanceof Error ? error : new Error(String(error));
      }
      throw error;
    }
  }
}
