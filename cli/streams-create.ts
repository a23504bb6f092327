import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { ImageStreamError } from '../contracts/errors.js';
import { addToStream } from './create-stream.js';
import { processIo, type Io } from './io.js';
import { itemNames, readItems, type NewItem } from './stream-items.js';

interface CreateOptions {
  contentId?: string;
  product?: string;
  /** Not `version`, which is commander's own. */
  productVersion?: string;
  item: string[];
  ftype?: string;
  arch?: string;
  os?: string;
  release?: string;
  osVersion?: string;
  set: string[];
  items?: string;
  datatype: string;
  link?: boolean;
}

/** Adds `streams create DIR [FILE…]`: image files or a list of items become a mirror, or join one. */
export function registerStreamsCreate(streams: Command, io: Io = processIo()): void {
  const collect = (value: string, all: string[]) => [...all, value];
  streams
    .command('create <dir> [files...]')
    .description('make a mirror of image files, or add them to one')
    .option('--content-id <id>', 'content id of the products document, such as com.example:custom:download')
    .option('--product <name>', 'product, such as com.example:server:24.04:amd64')
    .option(
      '--product-version <name>',
      'version of the product; they sort as text, so 20240131 or 20240131.1',
    )
    .option('--item <name>', 'item name, once for each file (default: by the file name)', collect, [])
    .option('--ftype <type>', 'file type of all files (default: the item name)')
    .option('--arch <arch>', 'architecture, as Ubuntu names it: amd64, arm64')
    .option('--os <name>', 'operating system, such as ubuntu')
    .option('--release <name>', 'code name, such as noble')
    .option('--os-version <version>', 'version of the operating system, such as 24.04')
    .option('--set <key=value>', 'any other string of the items', collect, [])
    .option(
      '--items <file>',
      'JSON list of flat objects, as `query --json` prints them; `file` names a file to bring in',
    )
    .option('--datatype <type>', 'datatype of the documents', 'image-downloads')
    .option('--link', 'hard-link files where possible instead of copying them')
    .action(async (dir: string, files: string[], options: CreateOptions) =>
      runCreate(dir, files, options, io),
    );
}

/** @throws {ImageStreamError} Usage, ItemInvalid, DocumentInvalid, UnsafePath */
async function runCreate(dir: string, files: string[], options: CreateOptions, io: Io): Promise<void> {
  const listed =
    options.items === undefined ? [] : await readItems(resolve(io.cwd, options.items), options.contentId);
  const items = [...listed, ...files.map((file, i) => fileItem(resolve(io.cwd, file), options, i))];
  if (items.length === 0) throw new ImageStreamError('Usage', 'neither files nor --items were given');
  const how = options.link ? 'link' : 'copy';
  const folder = resolve(io.cwd, dir);
  const changed = await addToStream({ folder, datatype: options.datatype, updated: new Date(), how }, items);
  io.out(changed.length === 0 ? 'nothing changed\n' : changed.map((path) => `wrote ${path}\n`).join(''));
  for (const path of changed) {
    const signed = path.replace(/json$/, 'sjson');
    if (existsSync(join(folder, signed)))
      io.err(`${signed} is older than ${path}: run \`image-stream streams sign\`\n`);
  }
}

function fileItem(file: string, options: CreateOptions, position: number): NewItem {
  const item = options.item[position] ?? itemNameOf(file);
  const identity = itemNames(
    {
      content_id: required(options.contentId, '--content-id'),
      product_name: required(options.product, '--product'),
      version_name: required(options.productVersion, '--product-version'),
      item_name: item,
    },
    file,
  );
  const data = new Map([['ftype', options.ftype ?? item]]);
  const told = { arch: options.arch, os: options.os, release: options.release, version: options.osVersion };
  for (const [key, value] of Object.entries(told)) if (value !== undefined) data.set(key, value);
  for (const text of options.set) data.set(...keyValue(text));
  return { ...identity, data, file };
}

/** The names that Ubuntu gives to its items, which are also their ftypes. */
function itemNameOf(file: string): string {
  const name = basename(file).toLowerCase();
  if (/\.(img|qcow2)$/.test(name)) return 'disk1.img';
  const rest = /\.(tar\.[a-z0-9]+|squashfs)$/.exec(name)?.[1];
  if (rest === undefined) return basename(file);
  return rest === 'squashfs' ? rest : `root.${rest}`;
}

function required(value: string | undefined, option: string): string {
  if (value) return value;
  throw new ImageStreamError('Usage', `${option} is missing`, {
    hint: 'Files need --content-id, --product and --product-version.',
  });
}

function keyValue(text: string): [string, string] {
  const [, key, value] = /^([\w-]+)=(.*)$/s.exec(text) ?? [];
  if (key !== undefined && value !== undefined) return [key, value];
  throw new ImageStreamError('Usage', `--set ${JSON.stringify(text)} is no key=value`);
}
