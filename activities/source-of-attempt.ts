import { ImageStreamError } from '../contracts/errors.js';
import type { MirrorSettings } from '../config/index.js';
import { sourceOfAttempt, sourcesFor } from '../mirrors/index.js';

/**
 * Reads from the source whose turn it is: attempt 1 asks the mirror itself, the next ones its fall-backs, round and round. The
 * retries are Temporal's.
 */
export async function fromSource<T>(
  mirror: MirrorSettings,
  path: string,
  attempt: number,
  read: (url: string) => Promise<T>,
): Promise<T> {
  const sources = sourcesFor(mirror.url, mirror.fallbackUrls, path);
  try {
    return await read(sourceOfAttempt(sources, attempt));
  } catch (error) {
    throw judged(error, attempt, sources.length);
  }
}

/** What is final for one source is worth a try at the next one; wrong bytes are worth one more download. */
function judged(error: unknown, attempt: number, sources: number): unknown {
  if (!(error instanceof ImageStreamError)) return error;
  const { code, message, hint, details, retryAfterMs } = error;
  const again = (retryable: boolean) =>
    new ImageStreamError(code, message, {
      hint,
      details,
      retryable,
      cause: error,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  switch (code) {
    case 'MirrorNotFound':
    case 'MirrorForbidden':
    case 'MirrorRedirect':
    case 'MirrorError':
      return error.retryable ? error : again(attempt < sources);
    case 'ChecksumMismatch':
    case 'SizeMismatch':
      return again(attempt <= sources);
    default:
      return error;
  }
}
