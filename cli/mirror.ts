import { Option, type Command } from 'commander';
import { realpath } from 'node:fs/promises';
import { ImageStreamError } from '../contracts/errors.js';
import { parseFilter, UBUNTU_KEYRING } from '../simplestreams/index.js';
import { makeFolder } from '../staging/index.js';
import { connectedWith, contextOf, type CommandContext } from './context.js';
import { MIRROR_NAME, mirrorConfiguration, type MirrorOptions } from './mirror-configuration.js';
import { runMirrors } from './mirror-runs.js';
import { reportSync } from './sync.js';
import { waitOption } from './wait-option.js';

/** Adds `mirror URL DIR [FILTER…]`: a mirror in a folder, with the options of sstream-mirror. */
export function registerMirror(program: Command): void {
  program
    .command('mirror <url> <directory> [filters...]')
    .description('make or refresh a mirror in a directory, which any web server can show')
    .option('--path <path>', 'index or products document to begin with')
    .option('--max <n>', 'newest versions of each product', wholeNumber)
    .option('--keep', 'keep versions that left the mirror, while there are no more than --max', false)
    .option('--keyring <file>', 'keys to verify signed documents with', UBUNTU_KEYRING)
    .option('-U, --no-verify', 'do not verify signed documents')
    .option('--mirror <url>', 'another mirror of the same tree; may be given several times', several, [])
    .option('--no-item-download', 'mirror the documents alone')
    .option(
      '--filtered-index',
      'publish what is here, unsigned, instead of the documents of the mirror',
      false,
    )
    .option('--dry-run', 'show what would be done, and change nothing', false)
    .addOption(
      new Option('--progress', 'taken for sstream-mirror’s sake: progress is shown anyway').hideHelp(),
    )
    .addOption(waitOption())
    .action(
      async (url: string, directory: string, filters: string[], options: MirrorOptions, command: Command) => {
        process.exitCode = await mirror(contextOf(command), { url, directory, filters, options });
      },
    );
}

async function mirror(
  context: CommandContext,
  given: { url: string; directory: string; filters: string[]; options: MirrorOptions },
): Promise<number> {
  const { options } = given;
  if (options.keep && options.max === undefined) {
    throw new ImageStreamError('Usage', '--keep needs --max: how many versions to hold');
  }
  given.filters.forEach(parseFilter);
  const directory = await existing(given.directory);
  const configuration = mirrorConfiguration({ ...given, directory, cwd: context.io.cwd });
  return runMirrors(context, [MIRROR_NAME], {
    kind: options.dryRun ? 'plan' : 'sync',
    waitMs: Math.round(options.wait * 1000),
    detach: false,
    connect: (own) => connectedWith(own, configuration, { embedded: true }),
    report: (runs, outcomes) => reportSync(context, runs, outcomes),
  });
}

/** The real path, since the run is known by it. @throws {ImageStreamError} StagingUnwritable */
async function existing(path: string): Promise<string> {
  try {
    await makeFolder(path);
    return await realpath(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason';
    throw new ImageStreamError('StagingUnwritable', `The directory ${path} cannot be used (${code})`, {
      cause,
    });
  }
}

function several(value: string, before: string[]): string[] {
  return [...before, value];
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new ImageStreamError('Usage', `--max is ${JSON.stringify(text)}, which is no whole number from 1`);
}
