import { ImageStreamError } from '../contracts/errors.js';

/**
 * Refuses a path that could leave the root of its mirror, on disk or in a URL. Stricter than the Python tool, which lets
 * `..`, `a/..`, `a\..\b` and `http://other/x` pass; an encoded dot (`%2e`) is a dot to every URL parser.
 * @param where names the document and the place in it, for the message
 * @throws {ImageStreamError} UnsafePath
 */
export function assertSafePath(path: string, where: string): void {
  const reason = unsafeReason(path);
  if (reason === undefined) return;
  throw new ImageStreamError('UnsafePath', `${where} has the path ${quoted(path)}, which ${reason}`, {
    details: { path: path.slice(0, 200), where },
  });
}

function unsafeReason(path: string): string | undefined {
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  if (/[\x00-\x1f\x7f]/.test(path)) return 'has a control character';
  if (path.includes('\\')) return 'has a backslash';
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) return 'is a URL of its own';
  if (path.startsWith('/')) return 'is absolute';
  const dotted = path.replace(/%2e/gi, '.').replace(/%(2f|5c)/gi, '/');
  if (dotted.split('/').some((segment) => /^\.{2,}$/.test(segment))) return 'leaves its folder';
  return undefined;
}

function quoted(path: string): string {
  return JSON.stringify(path.length > 120 ? `${path.slice(0, 120)}…` : path);
}
