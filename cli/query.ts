import type { Command } from 'commander';
import { ImageStreamError } from '../contracts/errors.js';
import {
  jsonFrom,
  parseFilter,
  pythonText,
  splitMirrorUrl,
  UBUNTU_KEYRING,
  writeJson,
} from '../simplestreams/index.js';
import { withFetcher } from './document-fetcher.js';
import { processIo, type Io } from './io.js';
import { percentFormat, prettyItem, type ItemFormat } from './query-format.js';
import { queryStream } from './query-stream.js';

interface QueryOptions {
  max?: number;
  path?: string;
  outputFormat?: string;
  pretty?: boolean;
  json?: boolean;
  keyring: string;
  verify: boolean;
  /** Of the program. */
  output?: string;
}

/** 128 and SIGPIPE: what a shell shows for a command whose reader went away. */
const BROKEN_PIPE = 141;

/** Adds `query URL [FILTER…]`: the items of a mirror, with the options and the output of sstream-query. */
export function registerQuery(program: Command, io: Io = processIo()): void {
  program
    .command('query <url> [filters...]')
    .description(
      'list the items of a mirror that pass all filters (key=value, key!=value, key~regex, key!~regex)',
    )
    .option('--max <n>', 'newest versions of each product', wholeNumber)
    .option('--path <path>', 'index or products document to begin with')
    .option('-o, --output-format <format>', "a line for each item, such as '%(version_name)s %(item_url)s'")
    .option('--pretty', 'one key a line')
    .option('--json', 'a JSON list of flat objects')
    .option('--keyring <file>', 'keys to verify signed documents with', UBUNTU_KEYRING)
    .option('-U, --no-verify', 'do not verify signed documents')
    .action(async (url: string, filters: string[], _options: unknown, command: Command) => {
      exitOnBrokenPipe(process.stdout);
      await runQuery(url, filters, command.optsWithGlobals<QueryOptions>(), io);
    });
}

/** @throws {ImageStreamError} Usage, FilterSyntax, and what reading a mirror throws */
async function runQuery(url: string, expressions: string[], options: QueryOptions, io: Io): Promise<void> {
  const { pretty, outputFormat } = options;
  if (Number(pretty ?? false) + Number(options.json ?? false) + Number(outputFormat !== undefined) > 1) {
    throw new ImageStreamError('Usage', 'only one of --output-format, --pretty and --json can be given');
  }
  const json = options.json ?? (options.output === 'json' && !pretty && outputFormat === undefined);
  const format = itemFormat(pretty, outputFormat);
  const filters = expressions.map(parseFilter);
  const mirror = splitMirrorUrl(url, options.path);
  const { max, verify, keyring } = options;
  await withFetcher(io.cwd, async (fetch) => {
    const listed: Map<string, string>[] = [];
    const query = { mirror, filters, verify, keyring, ...(max === undefined ? {} : { max }) };
    for await (const data of queryStream(query, fetch)) {
      if (json) listed.push(data);
      else print(data, format, io);
    }
    if (json) io.out(`${writeJson(jsonFrom(listed), { indent: 2, sort: true })}\n`);
  });
}

function itemFormat(pretty: boolean | undefined, format: string | undefined): ItemFormat {
  return pretty ? (data) => ({ line: prettyItem(data) }) : percentFormat(format ?? '%s');
}

function print(data: ReadonlyMap<string, string>, format: ItemFormat, io: Io): void {
  const formatted = format(data);
  if ('line' in formatted) io.out(`${formatted.line}\n`);
  else io.err(`output format failed. Missing ${formatted.missing}\nitem: ${pythonText(new Map(data))}\n`);
}

const guarded = new WeakSet<NodeJS.EventEmitter>();

/** Ends the process quietly when whoever reads its output has gone (`query … | head`). */
export function exitOnBrokenPipe(
  output: NodeJS.EventEmitter,
  exit: (status: number) => void = (status) => process.exit(status),
): void {
  if (guarded.has(output)) return;
  guarded.add(output);
  output.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    exit(BROKEN_PIPE);
  });
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ImageStreamError('Usage', `--max is ${JSON.stringify(text)}, which is no whole number from 0`);
}
