import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import { localPath } from './local-files.js';

/**
 * Where a file of a mirror may be had: the mirror itself first, then its fallbacks, in order. A path is put behind the
 * root as it is, and a query of the root stays where it was.
 * @throws {ImageStreamError} UnsafePath when the path leaves the root
 */
export function sourcesFor(root: string, fallbackUrls: readonly string[], path: string): string[] {
  return [root, ...fallbackUrls].map((base) => below(base, path));
}

function below(base: string, path: string): string {
  const segments = path.split('/');
  if (path.startsWith('/') || segments.includes('..') || /[\0\\]/.test(path)) throw unsafe(base, path);
  const local = /^file:/i.test(base) ? undefined : localPath(base);
  if (local !== undefined) return `${local.replace(/\/*$/, '')}/${path}`;

  const url = new URL(base);
  const folder = url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`;
  // Names may hold ? and #, and escapes that are already there stay.
  url.pathname = folder + path.replace(/\?/g, '%3F').replace(/#/g, '%23');
  if (!url.pathname.startsWith(folder)) throw unsafe(base, path);
  return url.href;
}

function unsafe(base: string, path: string): ImageStreamError {
  const message = `${printableUrl(base)} names ${JSON.stringify(path.slice(0, 200))}, which is outside of it`;
  return new ImageStreamError('UnsafePath', message, { details: { url: printableUrl(base) } });
}
