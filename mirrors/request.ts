import { request as undiciRequest, type Dispatcher } from 'undici';
import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import { networkError, statusError } from './failures.js';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MOST_REDIRECTS = 5;

export interface Connection {
  dispatcher: Dispatcher;
  userAgent: string;
  minimum: { bytes: number; windowMs: number };
}

export interface Answer {
  status: number;
  body: Dispatcher.ResponseData['body'];
  /** After redirects, without user info. */
  url: string;
  header(name: string): string | undefined;
}

/**
 * GETs `url`, following redirects. User info of the URL goes as basic credentials to its own origin and nowhere else.
 * @param accept statuses besides 2xx that the caller understands
 * @throws {ImageStreamError} as MirrorClient says
 */
export async function get(
  connection: Connection,
  url: string,
  headers: Record<string, string>,
  accept: readonly number[],
  signal: AbortSignal,
): Promise<Answer> {
  const first = parseUrl(url);
  const credentials = takeCredentials(first);
  const seen = new Set<string>();
  let target = first;
  for (;;) {
    seen.add(target.href);
    const sent = { 'user-agent': connection.userAgent, ...headers };
    const own = target.origin === first.origin && credentials !== undefined;
    const answer = await send(
      connection,
      target,
      own ? { ...sent, authorization: credentials } : sent,
      signal,
    );
    const { status } = answer;
    if (REDIRECTS.has(status)) {
      discard(answer);
      target = nextTarget(target, answer.header('location'), seen);
      continue;
    }
    if ((status >= 200 && status < 300) || accept.includes(status)) return answer;
    discard(answer);
    throw statusError(target.href, status, answer.header('retry-after'));
  }
}

/** Lets a body go that nobody reads. */
export function discard({ body }: Answer): void {
  body.on('error', () => undefined);
  body.destroy();
}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && /^https?:$/.test(parsed.protocol)) return parsed;
  throw new ImageStreamError('MirrorNotFound', `${printableUrl(url)} is no http or https URL`);
}

function takeCredentials(url: URL): string | undefined {
  const { username, password } = url;
  url.username = '';
  url.password = '';
  url.hash = '';
  if (username === '' && password === '') return undefined;
  const text = `${decode(username)}:${decode(password)}`;
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function nextTarget(from: URL, location: string | undefined, seen: ReadonlySet<string>): URL {
  const shown = printableUrl(from);
  const details = { url: shown };
  if (location === undefined || !URL.canParse(location, from.href)) {
    const message = `${shown} redirects to no usable address`;
    throw new ImageStreamError('MirrorRedirect', message, { details });
  }
  const next = new URL(location, from.href);
  takeCredentials(next);
  const refuse = (why: string) =>
    new ImageStreamError('MirrorRedirect', `${shown} redirects to ${printableUrl(next)}, ${why}`, {
      details,
    });
  if (!/^https?:$/.test(next.protocol)) throw refuse('which is neither http nor https');
  if (from.protocol === 'https:' && next.protocol === 'http:') throw refuse('which is not encrypted');
  if (seen.has(next.href)) throw refuse('which is a loop');
  if (seen.size > MOST_REDIRECTS) throw refuse(`the ${MOST_REDIRECTS + 1}th redirect in a row`);
  return next;
}

async function send(
  { dispatcher }: Connection,
  url: URL,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Answer> {
  signal.throwIfAborted();
  try {
    const request = undiciRequest(url, { dispatcher, method: 'GET', headers, signal });
    const { statusCode, headers: received, body } = await orAbort(request, signal);
    const header = (name: string) => {
      const value = received[name];
      return Array.isArray(value) ? value[0] : value;
    };
    return { status: statusCode, body, url: url.href, header };
  } catch (error) {
    throw networkError(error, url.href, signal);
  }
}

// undici hears an abort only once it is connected, which may take the whole connect timeout.
async function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
