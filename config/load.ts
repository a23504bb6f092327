import { open, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { ImageStreamError } from '../contracts/errors.js';
import type { Configuration } from './configuration.js';
import { displayPath, expandPath, locateConfiguration, xdgFolder } from './locate.js';
import { parsePositioned, YamlProblem, type PositionedDocument } from './positions.js';
import { problemsError, schemaProblems } from './problems.js';
import { conflictProblems, relationProblems } from './relations.js';
import { fileSchema, type FileSettings } from './schema.js';

export interface LoadOptions {
  /** The file, when it is named; else the usual places are searched. */
  file?: string | undefined;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** What Glance takes as an image (reference §4.1). */
const IMAGE_FILTERS = ['ftype~(disk1.img|disk.img)', 'arch~(x86_64|amd64|i386)'];
const IMAGE_INDEX_FILTERS = ['datatype=image-downloads'];

/** A configuration is written by hand; anything larger is another kind of file. */
const LARGEST_FILE = 2 ** 20;
/** How long superseded images stay hidden or deactivated where the file does not say. */
const RETIRE_AFTER_MS = 30 * 24 * 3600e3;

/**
 * Reads and checks the configuration file.
 * @throws {ImageStreamError} ConfigMissing, ConfigInvalid, ConfigConflict, FilterSyntax, ScheduleInvalid; the message has the
 *   first problem as `file:line: key: what`, `details.problems` has all of them
 */
export async function loadConfiguration(options: LoadOptions = {}): Promise<Configuration> {
  const env = options.env ?? process.env;
  const cwd = options.cwd ?? process.cwd();
  const found = await locateConfiguration(options.file, env, cwd);
  const display = displayPath(found, cwd);
  const text = await readText(found, display);
  const document = parse(text, display);
  const parsed = fileSchema.safeParse(document.value);
  const problems = parsed.success ? relationProblems(parsed.data) : schemaProblems(parsed.error.issues);
  if (!parsed.success || problems.length > 0) throw problemsError(problems, display, document.lineOf);
  const configuration = complete(parsed.data, await realpath(found), env);
  const conflicts = conflictProblems(configuration);
  if (conflicts.length > 0) throw problemsError(conflicts, display, document.lineOf);
  return configuration;
}

async function readText(path: string, display: string): Promise<string> {
  const bytes = await readCapped(path).catch((cause: unknown) => {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason';
    throw new ImageStreamError('ConfigInvalid', `${display}: cannot be read (${reason})`, { cause });
  });
  if (bytes.length > LARGEST_FILE) {
    throw new ImageStreamError(
      'ConfigInvalid',
      `${display}: is larger than 1 MiB, which no configuration is`,
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ImageStreamError('ConfigInvalid', `${display}: is not UTF-8 text`);
  }
}

/** At most one byte more than the limit, whatever the file is: /dev/zero has no size to look at first. */
async function readCapped(path: string): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(LARGEST_FILE + 1);
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, null);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  } finally {
    await handle.close();
  }
}

function parse(text: string, display: string): PositionedDocument {
  let document: PositionedDocument;
  try {
    document = parsePositioned(text);
  } catch (error) {
    if (!(error instanceof YamlProblem)) throw error;
    throw problemsError(
      [{ code: 'ConfigInvalid', path: [], message: error.message }],
      display,
      () => error.line,
    );
  }
  if (document.value === undefined || document.value === null) {
    throw new ImageStreamError('ConfigInvalid', `${display}: is empty; it needs clouds and mirrors`);
  }
  return document;
}

/** Names as the program has them, relative paths resolved, and the defaults that depend on other keys. */
function complete(settings: FileSettings, file: string, env: NodeJS.ProcessEnv): Configuration {
  const local = (path: string) => expandPath(path, dirname(file), env);
  const everyCloud = settings.clouds.map(({ name }) => name);
  return {
    file,
    clouds: settings.clouds.map(({ name, regions, publish, cloud_name, advertise, auth_urls }) => ({
      name,
      regions,
      publish: publish.to === 'directory' ? { to: publish.to, path: local(publish.path) } : publish,
      cloudName: cloud_name,
      advertise: advertise ?? publish.to === 'swift',
      authUrls: auth_urls,
    })),
    mirrors: settings.mirrors.map((mirror) => ({
      name: mirror.name,
      url: mirror.url,
      fallbackUrls: mirror.fallback_urls,
      path: mirror.path,
      keyring: local(mirror.keyring),
      signature: mirror.signature ?? 'require',
      filters: mirror.filters ?? (mirror.directory ? [] : IMAGE_FILTERS),
      indexFilters: mirror.index_filters ?? (mirror.directory ? [] : IMAGE_INDEX_FILTERS),
      max: mirror.max,
      keep: mirror.keep,
      retire: mirror.retire,
      retireAfter: mirror.retire_after ?? RETIRE_AFTER_MS,
      inUse: mirror.in_use,
      shrinkLimit: mirror.shrink_limit,
      allowOlder: mirror.allow_older,
      clouds: mirror.directory ? [] : (mirror.clouds ?? everyCloud),
      directory: mirror.directory && { ...mirror.directory, path: local(mirror.directory.path) },
      contentId: mirror.content_id,
      namePrefix: mirror.name_prefix,
      visibility: mirror.visibility,
      customProperties: mirror.custom_properties,
      hypervisorMapping: mirror.hypervisor_mapping,
      schedule: mirror.schedule,
      concurrency: mirror.concurrency,
      documentLimit: mirror.document_limit,
      transferTimeout: mirror.transfer_timeout,
      stallTimeout: mirror.stall_timeout,
      slowLimit: mirror.slow_limit,
      slowWindow: mirror.slow_window,
      smallItemLimit: mirror.small_item_limit,
    })),
    staging: {
      path: settings.staging.path
        ? local(settings.staging.path)
        : join(xdgFolder(env, 'XDG_CACHE_HOME'), 'image-stream', 'staging'),
      budget: settings.staging.budget,
    },
  };
}
