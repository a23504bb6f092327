import type { ErrorCode } from '../contracts/error-codes.js';
import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';

/** What was being done; the same status means different things in different places. */
export type Action =
  | 'authenticate'
  | 'identity'
  | 'advertise'
  | 'compute'
  | 'image'
  | 'image-publish'
  | 'image-upload'
  | 'object'
  | 'object-write';

/** What went wrong below HTTP, or with an answer that is no answer. */
export type Fault =
  | 'unreachable'
  | 'timeout'
  | 'cut'
  | 'stalled'
  | 'tls'
  | 'not-http'
  | 'not-json'
  | 'unexpected'
  | 'too-large';

interface Verdict {
  readonly code: ErrorCode;
  /** Where it differs from what the code says in general. */
  readonly retryable?: boolean;
  readonly hint?: string;
}

type Rows = Readonly<Record<string, Verdict>>;

const WRONG_ADDRESS =
  'Check that the address is that of the service, with nothing between that answers instead of it.';

/** Rows for every service; `4xx` and `5xx` are for statuses without a row of their own. */
const COMMON: Rows = {
  unreachable: { code: 'CloudUnreachable' },
  timeout: { code: 'CloudUnreachable' },
  cut: { code: 'CloudUnreachable' },
  stalled: { code: 'CloudUnreachable' },
  tls: { code: 'TlsFailed' },
  'not-http': { code: 'CloudError', retryable: false, hint: WRONG_ADDRESS },
  'not-json': { code: 'CloudError', hint: WRONG_ADDRESS },
  unexpected: { code: 'CloudError', hint: WRONG_ADDRESS },
  'too-large': { code: 'CloudError', retryable: false, hint: WRONG_ADDRESS },
  '3xx': { code: 'CloudError', retryable: false, hint: WRONG_ADDRESS },
  '4xx': { code: 'BadRequest' },
  '5xx': { code: 'CloudError' },
  401: { code: 'Unauthorized' },
  403: { code: 'Forbidden' },
  404: { code: 'NotFound' },
  408: { code: 'CloudError' },
  409: { code: 'Conflict' },
  410: { code: 'NotFound' },
  412: { code: 'Conflict' },
  413: { code: 'QuotaExceeded' },
  425: { code: 'CloudError' },
  429: { code: 'CloudError' },
  498: { code: 'CloudError' },
  501: { code: 'CloudError', retryable: false },
  505: { code: 'CloudError', retryable: false },
  507: { code: 'QuotaExceeded' },
};

const KEYSTONE: Rows = {
  unreachable: { code: 'KeystoneUnreachable' },
  timeout: { code: 'KeystoneUnreachable' },
  cut: { code: 'KeystoneUnreachable' },
  'not-json': { code: 'KeystoneUnreachable', hint: WRONG_ADDRESS },
  unexpected: { code: 'KeystoneUnreachable', hint: WRONG_ADDRESS },
  '5xx': { code: 'KeystoneUnreachable' },
  408: { code: 'KeystoneUnreachable' },
  429: { code: 'KeystoneUnreachable' },
};

const BY_ACTION: Readonly<Record<Action, Rows>> = {
  authenticate: {
    ...KEYSTONE,
    403: { code: 'Unauthorized' },
    404: {
      code: 'CloudConfigInvalid',
      hint: 'Check the auth URL: it should be that of Keystone, with or without /v3.',
    },
  },
  identity: KEYSTONE,
  advertise: { ...KEYSTONE, 403: { code: 'AdvertiseForbidden' } },
  compute: {},
  image: {},
  'image-publish': { 403: { code: 'VisibilityForbidden' } },
  'image-upload': {
    // The body is consumed, so the session cannot send it again; the caller does, with a new token.
    401: { code: 'TokenRefused' },
    404: { code: 'ImageGone' },
    410: { code: 'ImageGone' },
  },
  object: {},
  'object-write': { 422: { code: 'EtagMismatch' } },
};

/** The one place that decides what a status or a fault means, and whether trying again may help. */
export function judge(action: Action, condition: number | Fault): Verdict {
  const rows = { ...COMMON, ...BY_ACTION[action] };
  const family = typeof condition === 'number' ? `${Math.floor(condition / 100)}xx` : condition;
  return rows[condition] ?? rows[family] ?? { code: 'CloudError', retryable: false };
}

export interface Failure {
  readonly action: Action;
  /** The service as its users call it: Keystone, Glance, Nova, Swift. */
  readonly service: string;
  readonly method: string;
  readonly url: string;
  readonly condition: number | Fault;
  /** What the call was for: "create image auto-sync/x". */
  readonly purpose?: string;
  readonly requestId?: string;
  /** What the service itself said, as text. */
  readonly said?: string;
  readonly retryAfterMs?: number;
  /** The proxy that the call went through, printable. */
  readonly via?: string;
  readonly cause?: unknown;
}

const FAULT_TEXT: Readonly<Record<Fault, string>> = {
  unreachable: 'cannot be reached',
  timeout: 'did not answer in time',
  cut: 'closed the connection before it answered',
  stalled: 'stopped taking the bytes',
  tls: 'has no TLS connection that can be trusted',
  'not-http': 'does not speak HTTP',
  'not-json': 'answered something that is not JSON',
  unexpected: 'answered JSON of another shape than its API has',
  'too-large': 'answered more than such an answer can be',
};

/** Makes the one error type from a failure: what was asked of whom, what came back, and what to do. */
export function serviceError(failure: Failure): ImageStreamError {
  const { service, method, condition, requestId, said } = failure;
  const verdict = judge(failure.action, condition);
  const url = printableUrl(failure.url);
  const what = typeof condition === 'number' ? `answered ${condition}` : FAULT_TEXT[condition];
  const purpose =
    failure.purpose === undefined ? `${method} ${url}` : `${failure.purpose} (${method} ${url})`;
  const via = failure.via === undefined ? '' : ` through the proxy ${failure.via}`;
  return new ImageStreamError(
    verdict.code,
    `${service} ${what} to ${purpose}${via}${said ? `: ${said}` : ''}`,
    {
      ...(verdict.hint !== undefined && { hint: verdict.hint }),
      ...(verdict.retryable !== undefined && { retryable: verdict.retryable }),
      ...(failure.retryAfterMs !== undefined && { retryAfterMs: failure.retryAfterMs }),
      details: {
        service,
        method,
        url,
        ...(typeof condition === 'number' ? { status: condition } : { fault: condition }),
        ...(requestId !== undefined && { requestId }),
        ...(failure.via !== undefined && { via: failure.via }),
        ...(said && { said }),
      },
      ...(failure.cause !== undefined && { cause: failure.cause }),
    },
  );
}

const UNREACHABLE =
  /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENOTFOUND|EAI_\w+|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT)$/;
const TLS =
  /^(CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|UND_ERR_PRX_TLS|EPROTO|HOSTNAME_MISMATCH|INVALID_CA|CRL_)/;

/** The fault behind an error that undici or Node threw. */
export function faultOf(error: unknown): Fault {
  const code = codeOf(error);
  if (UNREACHABLE.test(code)) return 'unreachable';
  if (TLS.test(code)) return 'tls';
  if (/^UND_ERR_(HEADERS|BODY)_TIMEOUT$/.test(code)) return 'timeout';
  if (/^(HPE_|UND_ERR_HEADERS_OVERFLOW)/.test(code)) return 'not-http';
  return 'cut';
}

export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string' && error.code !== 'UND_ERR_SOCKET') return error.code;
  return 'cause' in error && error.cause !== undefined
    ? codeOf(error.cause)
    : 'code' in error
      ? String(error.code)
      : '';
}
