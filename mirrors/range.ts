import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import type { OpenedRange, OpenRange, Validator } from '../staging/types.js';
import { readBody } from './body.js';
import { validatorOf } from './document.js';
import { discard, get, type Answer, type Connection } from './request.js';

/** Ranges of a file over HTTP (RFC 9110 sections 13.1.5, 14); see MirrorClient.openRange. */
export function openHttpRange(connection: Connection, url: string): OpenRange {
  return async (offset, validator, signal) => {
    const headers = offset > 0 ? rangeHeaders(offset, validator) : {};
    const answer = await ask(connection, url, headers, signal);
    const opened = interpret(connection, answer, offset, signal);
    if (opened) return opened;
    // What came is not what was asked for, so it is asked for as a whole.
    discard(answer);
    const whole = await ask(connection, url, {}, signal);
    const restarted = interpret(connection, whole, 0, signal);
    if (restarted) return restarted;
    discard(whole);
    const shown = printableUrl(whole.url);
    const message = `${shown} answered ${whole.status} to a request for the whole file`;
    throw new ImageStreamError('MirrorError', message, { details: { url: shown, status: whole.status } });
  };
}

function ask(
  connection: Connection,
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Answer> {
  return get(connection, url, { 'accept-encoding': 'identity', ...headers }, [416], signal);
}

function rangeHeaders(offset: number, validator: Validator | undefined): Record<string, string> {
  // A weak ETag may stay while bytes change, so If-Range must not carry one.
  const strong = strongOnly(validator ?? {});
  const known = strong.etag ?? strong.lastModified;
  return { range: `bytes=${offset}-`, ...(known !== undefined && { 'if-range': known }) };
}

function strongOnly({ etag, lastModified }: Validator): Validator {
  const strong = etag?.startsWith('"') === true;
  return { ...(strong && { etag }), ...(lastModified !== undefined && { lastModified }) };
}

/** What the answer means for somebody who asked from `offset`; undefined when it is of no use. */
function interpret(
  connection: Connection,
  answer: Answer,
  offset: number,
  signal: AbortSignal,
): OpenedRange | undefined {
  const range = parseContentRange(answer.header('content-range'));
  const validator = strongOnly(validatorOf(answer));
  if (answer.status === 416) {
    // Nothing beyond the last byte: we have them all.
    if (range?.start !== undefined || range?.total !== offset || offset === 0) return undefined;
    discard(answer);
    return { offset, total: offset, validator, body: nothing() };
  }
  refuseEncoding(answer);
  const body = readBody(answer, connection.minimum, signal);
  if (answer.status === 206) {
    if (offset === 0 || range?.start !== offset) return undefined;
    return { offset, ...(range.total !== undefined && { total: range.total }), validator, body };
  }
  if (answer.status !== 200) return undefined;
  const length = Number(answer.header('content-length') ?? NaN);
  return { offset: 0, ...(Number.isSafeInteger(length) && { total: length }), validator, body };
}

function refuseEncoding(answer: Answer): void {
  const encoding = (answer.header('content-encoding') ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return;
  discard(answer);
  const shown = printableUrl(answer.url);
  const message = `${shown} sends ${JSON.stringify(encoding.slice(0, 40))} where the bytes themselves were asked for`;
  throw new ImageStreamError('MirrorError', message, { retryable: false, details: { url: shown } });
}

function parseContentRange(
  value: string | undefined,
): { start: number | undefined; total: number | undefined } | undefined {
  const match = /^bytes (?:(\d+)-(\d+)|\*)\/(?:(\d+)|\*)$/.exec(value?.trim() ?? '');
  if (!match) return undefined;
  const [start, end, total] = [match[1], match[2], match[3]].map((text) =>
    text === undefined ? undefined : Number(text),
  );
  if (start !== undefined && end !== undefined && (end < start || (total !== undefined && end >= total))) {
    return undefined;
  }
  return { start, total };
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // A range that begins at the end has no bytes.
}
