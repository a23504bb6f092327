import { ERROR_TABLE, type ErrorCode, type ExitStatus } from './error-codes.js';

export interface ErrorOptions {
  /** What to do, when better known than the code's general remedy. */
  hint?: string;
  /** Facts for machines (never secrets): url, status, request id, path, bytes. */
  details?: Record<string, unknown>;
  /** Milliseconds after which a retry makes sense, from Retry-After. */
  retryAfterMs?: number;
  /** Overrides the table where the same code is final in one place and passing in another. */
  retryable?: boolean;
  cause?: unknown;
}

/**
 * Thrown when anything fails that a user should read about. `code` is stable and documented in docs/errors.md; `message` is
 * one sentence that says what failed and on what, without secrets.
 */
export class ImageStreamError extends Error {
  override readonly name: string = 'ImageStreamError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Record<string, unknown>;
  readonly retryAfterMs: number | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? ERROR_TABLE[code].remedy;
    this.details = options.details ?? {};
    this.retryAfterMs = options.retryAfterMs;
    this.retryable = options.retryable ?? ERROR_TABLE[code].retryable;
  }

  get exit(): ExitStatus {
    return ERROR_TABLE[this.code].exit;
  }
}

/** The same error where it is final, or passing, other than its code says in general. */
export function judgedAs(
  error: ImageStreamError,
  retryable: boolean,
  message = error.message,
): ImageStreamError {
  const { code, hint, details, retryAfterMs } = error;
  return new ImageStreamError(code, message, {
    hint,
    details,
    retryable,
    cause: error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The line a user sees: code, sentence, what to do, with no line break and nothing that a terminal would obey. */
export function errorLine(error: { code: string; message: string; hint?: string }): string {
  const sentence = error.message.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  const ended = /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
  return `${error.code}: ${ended}${error.hint ? ` ${error.hint}` : ''}`;
}
