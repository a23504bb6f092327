import type { Readable } from 'node:stream';
import { errors, request } from 'undici';
import type { z } from 'zod';
import { ImageStreamError } from '../contracts/errors.js';
import { retryAfterMs, serviceMessage } from './service-answers.js';
import { codeOf, faultOf, serviceError, type Action, type Fault } from './service-errors.js';
import { ANSWER_TIMEOUT, type Transport } from './transport.js';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Call {
  readonly action: Action;
  /** The service as its users call it: Keystone, Glance, Nova, Swift. */
  readonly service: string;
  readonly method: Method;
  readonly url: string;
  /** What it is for, in messages: "create image x". */
  readonly purpose?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | Readable;
  /** Statuses that are no failure. @default all of 2xx */
  readonly expect?: readonly number[];
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds from the end of the request to the answer's headers. @default 60_000 */
  readonly answerTimeout?: number;
  /** Bytes of the answer's body beyond which it is refused. @default 32 MiB */
  readonly answerLimit?: number;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  header(name: string): string | undefined;
  /** The headers whose lower-case name begins so, by what follows. */
  headersAfter(prefix: string): Record<string, string>;
  /** @throws {ImageStreamError} CloudError or KeystoneUnreachable where it is not JSON of that shape */
  json<T>(schema: z.ZodType<T>): T;
}

const ANSWER_LIMIT = 32 * 1024 * 1024;
const SAFE_TO_REPEAT = new Set<Method>(['GET', 'HEAD']);

/**
 * Sends one call and reads its whole answer.
 * @throws {ImageStreamError} as `judge` decides; the signal's own reason where it was aborted
 */
export async function send(transport: Transport, call: Call): Promise<Answer> {
  let answer: RawAnswer;
  try {
    answer = await exchange(transport, call);
  } catch (error) {
    call.signal?.throwIfAborted();
    // A kept connection may be closed by the service at the moment it is used again.
    if (faultOf(error) !== 'cut' || !SAFE_TO_REPEAT.has(call.method))
      throw exchangeError(transport, call, error);
    answer = await exchange(transport, call).catch((again: unknown) => {
      call.signal?.throwIfAborted();
      throw exchangeError(transport, call, again);
    });
  }
  if (!isExpected(call, answer.status)) throw statusError(call, answer);
  return {
    status: answer.status,
    body: answer.body,
    header: (name) => headerOf(answer, name),
    headersAfter: (prefix) =>
      Object.fromEntries(
        Object.keys(answer.headers)
          .filter((name) => name.startsWith(prefix))
          .map((name) => [name.slice(prefix.length), headerOf(answer, name) ?? '']),
      ),
    json: (schema) => parseJson(call, answer, schema),
  };
}

interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

class AnswerTooLarge extends Error {}

async function exchange(transport: Transport, call: Call): Promise<RawAnswer> {
  const url = new URL(call.url);
  const { statusCode, headers, body } = await request(url, {
    dispatcher: transport.dispatcherFor(url),
    method: call.method,
    headers: { accept: 'application/json', ...call.headers },
    headersTimeout: call.answerTimeout ?? ANSWER_TIMEOUT,
    ...(call.body !== undefined && { body: call.body }),
    ...(call.signal && { signal: call.signal }),
  });
  const limit = call.answerLimit ?? ANSWER_LIMIT;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new AnswerTooLarge();
    chunks.push(chunk);
  }
  return { status: statusCode, headers, body: Buffer.concat(chunks, size) };
}

function isExpected(call: Call, status: number): boolean {
  return call.expect ? call.expect.includes(status) : status >= 200 && status < 300;
}

function headerOf(answer: RawAnswer, name: string): string | undefined {
  const value = answer.headers[name.toLowerCase()];
  return Array.isArray(value) ? value[0] : value;
}

function requestIdOf(answer: RawAnswer): { requestId?: string } {
  const id = headerOf(answer, 'x-openstack-request-id') ?? headerOf(answer, 'x-trans-id');
  return id === undefined ? {} : { requestId: id };
}

function statusError(call: Call, answer: RawAnswer): ImageStreamError {
  const wait = retryAfterMs(headerOf(answer, 'retry-after'));
  return serviceError({
    ...call,
    condition: answer.status,
    said: serviceMessage(answer.body.toString('utf8', 0, 16 * 1024)),
    ...requestIdOf(answer),
    ...(wait !== undefined && { retryAfterMs: wait }),
  });
}

function exchangeError(transport: Transport, call: Call, error: unknown): Error {
  if (error instanceof ImageStreamError) return error;
  if (error instanceof errors.RequestContentLengthMismatchError) {
    return new ImageStreamError(
      'SizeMismatch',
      `${call.purpose ?? call.method}: the bytes to send are not as many as announced`,
      {
        cause: error,
      },
    );
  }
  const condition: Fault = error instanceof AnswerTooLarge ? 'too-large' : faultOf(error);
  const via = transport.proxyOf(new URL(call.url));
  return serviceError({
    ...call,
    condition,
    said: codeOf(error),
    cause: error,
    ...(via !== undefined && { via }),
  });
}

function parseJson<T>(call: Call, answer: RawAnswer, schema: z.ZodType<T>): T {
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer.body.toString('utf8'));
  } catch {
    throw serviceError({ ...call, condition: 'not-json', ...requestIdOf(answer) });
  }
  const result = schema.safeParse(parsed);
  if (result.success) return result.data;
  const where = result.error.issues[0]?.path.join('.') ?? '';
  throw serviceError({
    ...call,
    condition: 'unexpected',
    said: where && `at ${where}`,
    ...requestIdOf(answer),
  });
}
