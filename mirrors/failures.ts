import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';

/** A mirror that asks for longer is asked again anyway: a run must not sleep on a mirror's word. */
const LONGEST_WAIT_MS = 60 * 60 * 1000;

const UNREACHABLE =
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|ETIMEDOUT|EPROTO|UND_ERR_CONNECT_TIMEOUT|UND_ERR_PRX_TLS|ERR_TLS_\w+|ERR_SSL_\w+|CERT_\w+|\w*SELF_SIGNED_CERT\w*|UNABLE_TO_\w+|ERR_PROXY\w*)$/;
const TLS =
  /^(EPROTO|UND_ERR_PRX_TLS|ERR_TLS_\w+|ERR_SSL_\w+|CERT_\w+|\w*SELF_SIGNED_CERT\w*|UNABLE_TO_\w+)$/;
const STALLED = /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/;

/** The error for an answer that is none of 2xx, 3xx: 404 and 403 are final, what may pass is retryable. */
export function statusError(url: string, status: number, retryAfter: string | undefined): ImageStreamError {
  const shown = printableUrl(url);
  const details = { url: shown, status };
  const message = `${shown} answered ${status}`;
  if (status === 404 || status === 410) return new ImageStreamError('MirrorNotFound', message, { details });
  if (status === 401 || status === 403) return new ImageStreamError('MirrorForbidden', message, { details });
  const retryable = status === 408 || status === 429 || status >= 500;
  const retryAfterMs = retryable ? parseRetryAfter(retryAfter, Date.now()) : undefined;
  return new ImageStreamError('MirrorError', message, {
    details,
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** Milliseconds from a Retry-After of seconds or of a date (RFC 9110 section 10.2.3). */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), LONGEST_WAIT_MS) : undefined;
}

/**
 * The error for what went wrong below HTTP. An abort is the signal's own reason and is never wrapped.
 */
export function networkError(error: unknown, url: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof ImageStreamError) return error;
  const shown = printableUrl(url);
  const code = errorCode(error);
  const options = { details: { url: shown, cause: code }, cause: error };
  if (STALLED.test(code)) return new ImageStreamError('MirrorStalled', `${shown} stopped sending`, options);
  if (TLS.test(code)) {
    return new ImageStreamError('MirrorUnreachable', `no trusted connection to ${shown} (${code})`, {
      ...options,
      hint: 'Check its certificate, or name its authority with ca_file.',
    });
  }
  // undici's word for a proxy that refuses to tunnel.
  if (UNREACHABLE.test(code) || code === 'UND_ERR_ABORTED') {
    return new ImageStreamError('MirrorUnreachable', `${shown} cannot be reached (${code})`, options);
  }
  return new ImageStreamError('MirrorError', `the connection to ${shown} broke (${code})`, options);
}

function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : 'unknown';
}
