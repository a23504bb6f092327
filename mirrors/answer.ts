import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { extname } from 'node:path';

const TYPES: Record<string, string> = {
  '.json': 'application/json',
  '.sjson': 'text/plain; charset=utf-8',
  '.gpg': 'application/pgp-signature',
  '.txt': 'text/plain; charset=utf-8',
};

/** A file as a server sees it. Times in milliseconds, `etag` strong. */
export interface ServedFile {
  path: string;
  size: number;
  modified: number;
  etag: string;
}

/** What to answer: bytes from `start` up to `end`, which is not included. */
export interface PlannedAnswer {
  status: 200 | 206 | 304 | 416;
  headers: OutgoingHttpHeaders;
  start: number;
  end: number;
}

/** The answer to a GET or HEAD for that file, with ranges and conditions (RFC 9110 sections 13 and 14). */
export function planAnswer(file: ServedFile, asked: IncomingHttpHeaders): PlannedAnswer {
  const modified = new Date(file.modified).toUTCString();
  const headers: OutgoingHttpHeaders = {
    'accept-ranges': 'bytes',
    etag: file.etag,
    'last-modified': modified,
  };
  if (unchanged(file, asked, modified)) return { status: 304, headers, start: 0, end: 0 };

  headers['content-type'] = TYPES[extname(file.path)] ?? 'application/octet-stream';
  const mayResume =
    asked['if-range'] === undefined || asked['if-range'] === file.etag || asked['if-range'] === modified;
  const range = mayResume ? parseRange(asked.range, file.size) : undefined;
  if (range === 'unsatisfiable') {
    const refused = { ...headers, 'content-range': `bytes */${file.size}`, 'content-length': 0 };
    return { status: 416, headers: refused, start: 0, end: 0 };
  }
  const { start, end } = range ?? { start: 0, end: file.size };
  headers['content-length'] = end - start;
  if (!range) return { status: 200, headers, start, end };
  headers['content-range'] = `bytes ${start}-${end - 1}/${file.size}`;
  return { status: 206, headers, start, end };
}

function unchanged(file: ServedFile, asked: IncomingHttpHeaders, modified: string): boolean {
  const tags = asked['if-none-match'];
  if (tags !== undefined) {
    const known = tags.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    return known.includes(file.etag) || known.includes('*');
  }
  const since = asked['if-modified-since'];
  return since !== undefined && Date.parse(since) >= Date.parse(modified);
}

/** One range only: several, and what is malformed, are answered with the whole file, as the RFC allows. */
function parseRange(
  value: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(value?.trim() ?? '');
  const [first, last] = [match?.[1] ?? '', match?.[2] ?? ''];
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const suffix = Math.min(Number(last), size);
    return suffix === 0 ? 'unsatisfiable' : { start: size - suffix, end: size };
  }
  const start = Number(first);
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= size ? 'unsatisfiable' : { start, end };
}
