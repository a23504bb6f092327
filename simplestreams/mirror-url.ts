/** A mirror: the root that every path is relative to, and the document to begin with. */
export interface MirrorLocation {
  /** URL or folder as the user wrote it; a query string (of a signed URL) stays at its end. */
  readonly root: string;
  readonly path: string;
}

const DEFAULT_PATH = 'streams/v1/index.sjson';

/**
 * Splits a mirror's URL at its first `streams/v1/….json` or `.sjson`; `streams/v1/index.sjson` is assumed where it has none.
 * A query string is put aside first and stays with the root, so that it reaches every document and item; a fragment goes.
 * @param path taken as it is, with the URL unchanged
 */
export function splitMirrorUrl(url: string, path?: string): MirrorLocation {
  if (path) return { root: url, path };
  const { base, query } = splitQuery(url);
  const start = base.indexOf('streams/v1/');
  if (start < 0 || !/\.s?json$/.test(base)) return { root: base + query, path: DEFAULT_PATH };
  return { root: base.slice(0, start) + query, path: base.slice(start) };
}

/**
 * The URL of a document or item under a root. In URLs `#` and `?` of the path are escaped, being part of the file's name;
 * everything else is as the mirror wrote it, percent escapes included. Under a folder it is the path of the file.
 */
export function itemUrl(root: string, path: string): string {
  const { base, query } = splitQuery(root);
  const folder = base === '' || base.endsWith('/') ? base : `${base}/`;
  return folder + (isUrl(root) ? path.replace(/[#?]/g, encodeURIComponent) : path) + query;
}

/** Only URLs have queries: a folder's name may hold `?` and `#`. */
function splitQuery(url: string): { base: string; query: string } {
  if (!isUrl(url)) return { base: url, query: '' };
  const whole = url.replace(/#.*$/s, '');
  const mark = whole.indexOf('?');
  return mark < 0 ? { base: whole, query: '' } : { base: whole.slice(0, mark), query: whole.slice(mark) };
}

function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}
