import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import { networkError } from './failures.js';
import { discard, type Answer } from './request.js';

/**
 * The body of an answer, with errors by code. Silence is undici's timeout; this adds the rule against a slow drip: only
 * the time spent waiting for the mirror counts, so that a slow disk of ours is not held against it.
 * @throws {ImageStreamError} MirrorStalled, MirrorError; an abort is the signal's own reason
 */
export async function* readBody(
  answer: Answer,
  minimum: { bytes: number; windowMs: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let waited = 0;
  let bytes = 0;
  let since = performance.now();
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      waited += performance.now() - since;
      bytes += chunk.length;
      if (waited >= minimum.windowMs) {
        if (bytes < minimum.bytes) throw tooSlow(answer.url, bytes, waited);
        waited = 0;
        bytes = 0;
      }
      yield chunk;
      since = performance.now();
    }
  } catch (error) {
    throw networkError(error, answer.url, signal);
  } finally {
    discard(answer);
  }
}

function tooSlow(url: string, bytes: number, waited: number): ImageStreamError {
  const shown = printableUrl(url);
  const message = `${shown} brought only ${bytes} bytes in ${Math.round(waited / 1000)} s`;
  return new ImageStreamError('MirrorStalled', message, { details: { url: shown } });
}
