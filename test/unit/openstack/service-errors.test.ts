import { expect, test } from 'vitest';
import { ERROR_TABLE } from '../../../contracts/error-codes.js';
import { retryAfterMs, serviceMessage } from '../../../openstack/service-answers.js';
import { faultOf, judge, serviceError, type Action } from '../../../openstack/service-errors.js';

const ACTIONS: Action[] = [
  'authenticate',
  'identity',
  'advertise',
  'image',
  'image-publish',
  'image-upload',
  'object',
  'object-write',
];

test('every status from 300 on has a code of the table for every action', () => {
  for (const action of ACTIONS) {
    for (let status = 300; status < 600; status++)
      expect(ERROR_TABLE).toHaveProperty(judge(action, status).code);
  }
});

test('what a later try may mend is retryable: the service itself failing or busy, never what was asked', () => {
  const retryable = (status: number) => serviceErrorFor('image', status).retryable;
  expect([408, 409, 425, 429, 500, 502, 503, 504].map(retryable)).not.toContain(false);
  expect([301, 400, 401, 403, 404, 405, 413, 415, 422, 501, 507].map(retryable)).not.toContain(true);
});

test.each([
  ['image', 401, 'Unauthorized'],
  ['image', 413, 'QuotaExceeded'],
  ['image-upload', 410, 'ImageGone'],
  ['image-publish', 403, 'VisibilityForbidden'],
  ['object-write', 422, 'EtagMismatch'],
  ['object', 422, 'BadRequest'],
  ['advertise', 403, 'AdvertiseForbidden'],
  ['identity', 403, 'Forbidden'],
  ['identity', 503, 'KeystoneUnreachable'],
  ['authenticate', 403, 'Unauthorized'],
  ['object', 507, 'QuotaExceeded'],
] as const)('%s and %i is %s', (action, status, code) => {
  expect(judge(action, status).code).toBe(code);
});

test.each([
  ['ECONNREFUSED', 'unreachable'],
  ['ENOTFOUND', 'unreachable'],
  ['UND_ERR_CONNECT_TIMEOUT', 'unreachable'],
  ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'timeout'],
  ['ECONNRESET', 'cut'],
  ['UND_ERR_SOCKET', 'cut'],
  ['HPE_INVALID_CONSTANT', 'not-http'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'tls'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls'],
  ['CERT_HAS_EXPIRED', 'tls'],
] as const)('the error %s is the fault %s, also as the cause of another', (code, fault) => {
  const error = Object.assign(new Error('x'), { code });
  expect(faultOf(error)).toBe(fault);
  expect(faultOf(new Error('outer', { cause: error }))).toBe(fault);
});

test('a message says who answered what to which call, and no query', () => {
  const error = serviceError({
    action: 'image',
    service: 'Glance',
    method: 'GET',
    url: 'http://user:s3cret@glance:9292/v2/images?token=s3cret',
    condition: 404,
    purpose: 'read image i',
    said: 'No image found',
  });
  expect(error.message).toBe(
    'Glance answered 404 to read image i (GET http://glance:9292/v2/images): No image found',
  );
  expect(error.details).toEqual({
    service: 'Glance',
    method: 'GET',
    url: 'http://glance:9292/v2/images',
    status: 404,
    said: 'No image found',
  });
});

test.each([
  [
    '{"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}}',
    'The request you have made requires authentication.',
  ],
  ['{"message": "Quota exceeded.<br /><br />", "code": "413 Too Large"}', 'Quota exceeded.'],
  [
    '<html>\n <head>\n  <title>409 Conflict</title>\n </head>\n <body>\n  <h1>409 Conflict</h1>\n  Image &quot;i&quot; is in use.<br /><br />\n </body>\n</html>',
    'Image "i" is in use.',
  ],
  ['plain\ntext', 'plain text'],
  ['{"other": 1}', ''],
  ['', ''],
])('the sentence of %j is found', (body, sentence) => {
  expect(serviceMessage(body)).toBe(sentence);
});

test('a token that a service repeats is not passed on', () => {
  const token = `gAAAAA${'Ab-_9'.repeat(30)}==`;
  expect(serviceMessage(`{"error": {"message": "Could not find token: ${token}."}}`)).toBe(
    'Could not find token: [token].',
  );
});

test('a long message is cut', () => {
  expect(serviceMessage('x'.repeat(10_000))).toHaveLength(300);
});

test.each([
  [undefined, undefined],
  ['7', 7000],
  ['0', 0],
  ['999999', 3_600_000],
  ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['soon', undefined],
])('Retry-After %j is %j milliseconds', (header, expected) => {
  expect(retryAfterMs(header, Date.parse('2026-01-01T00:00:00Z'))).toBe(expected);
});

function serviceErrorFor(action: Action, condition: number) {
  return serviceError({ action, service: 'Glance', method: 'GET', url: 'http://glance/', condition });
}
