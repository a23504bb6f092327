import { pathToFileURL } from 'node:url';
import { join, resolve } from 'node:path';
import type { Configuration } from '../config/index.js';
import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import { splitMirrorUrl } from '../simplestreams/index.js';
import { OWN_FOLDER } from '../targets/directory/mirror-folder.js';

/** What the run is called: its folder has a Temporal server of its own, so that one name serves for all. */
export const MIRROR_NAME = 'mirror';

const LONGEST_TRANSFER_MS = 24 * 3600e3;
const SMALL_ITEM = 16 * 2 ** 20;
const DOCUMENT_LIMIT = 64 * 2 ** 20;

/** The options of `mirror`, as commander gives them. */
export interface MirrorOptions {
  path?: string;
  max?: number;
  keep: boolean;
  keyring: string;
  verify: boolean;
  mirror: string[];
  itemDownload: boolean;
  filteredIndex: boolean;
  dryRun: boolean;
  wait: number;
}

export interface MirrorRequest {
  url: string;
  /** Real path. */
  directory: string;
  filters: string[];
  options: MirrorOptions;
  cwd: string;
}

/**
 * What the words of a command line mean as a configuration; staging is in the folder itself, so that files come to their places by a link.
 * @throws {ImageStreamError} Usage
 */
export function mirrorConfiguration({ url, directory, filters, options, cwd }: MirrorRequest): Configuration {
  const { root, path } = splitMirrorUrl(url, options.path);
  return {
    file: join(directory, OWN_FOLDER, 'mirror'),
    clouds: [],
    mirrors: [
      {
        name: MIRROR_NAME,
        url: rootUrl(root, cwd),
        fallbackUrls: options.mirror.map((one) => rootUrl(one, cwd)),
        path,
        keyring: resolve(cwd, options.keyring),
        signature: options.verify && path.endsWith('.sjson') ? 'require' : 'skip',
        filters,
        indexFilters: [],
        max: options.max,
        keep: options.keep,
        retire: 'delete',
        retireAfter: 0,
        inUse: 'keep',
        shrinkLimit: 1,
        allowOlder: true,
        clouds: [],
        directory: {
          path: directory,
          items: options.itemDownload,
          index: options.filteredIndex ? 'filtered' : 'verbatim',
        },
        contentId: 'unused',
        namePrefix: '',
        visibility: 'private',
        customProperties: {},
        hypervisorMapping: false,
        schedule: undefined,
        concurrency: 4,
        documentLimit: DOCUMENT_LIMIT,
        transferTimeout: LONGEST_TRANSFER_MS,
        smallItemLimit: SMALL_ITEM,
        stallTimeout: 30e3,
        slowLimit: 64 * 2 ** 10,
        slowWindow: 60e3,
      },
    ],
    staging: { path: join(directory, OWN_FOLDER, 'staging'), budget: undefined },
  };
}

/** A URL with a slash at its end; a path of this machine becomes one. */
function rootUrl(root: string, cwd: string): string {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(root) ? root : pathToFileURL(resolve(cwd, root)).href;
  if (!/^(https?|file):/i.test(text) || !URL.canParse(text)) {
    throw new ImageStreamError('Usage', `${printableUrl(root)} is neither http, https, file nor a path`);
  }
  const url = new URL(text);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url.href;
}
