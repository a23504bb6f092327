import type { Command } from 'commander';
import { unknownMirror, type Configuration } from '../config/index.js';
import { ImageStreamError, errorLine } from '../contracts/errors.js';
import { configurationOf, contextOf, type CommandContext } from './context.js';
import { formatBytes } from '../contracts/bytes.js';
import { formatTable, printable } from './format.js';
import { listImages, type ImageChoice, type ListedImage } from './list-images.js';

export function registerImages(program: Command): void {
  program
    .command('images')
    .description('list the images that the mirrors of the configuration hold in Glance')
    .option('--cloud <name>', 'of this cloud only')
    .option('--region <name>', 'of this region only')
    .option('--mirror <name>', 'brought by this mirror only')
    .action(async (choice: ImageChoice, command: Command) => {
      process.exitCode = await images(contextOf(command), choice);
    });
}

/** Gives the worst exit status of the regions that could not be asked. @throws {ImageStreamError} UnknownMirror, UnknownCloud */
async function images(context: CommandContext, choice: ImageChoice): Promise<number> {
  const { io, json } = context;
  const configuration = await configurationOf(context);
  checkChoice(configuration, choice);
  const listing = await listImages(configuration, choice, io.env, (text) => io.err(`warning: ${text}\n`));
  if (json) io.out(`${JSON.stringify(listing, null, 2)}\n`);
  else if (listing.images.length > 0 || listing.problems.length === 0) io.out(renderImages(listing.images));
  for (const problem of listing.problems) {
    const where = [problem.cloud, problem.region].filter(Boolean).join('/');
    if (!json) io.err(`${errorLine({ ...problem, message: `${where}: ${problem.message}` })}\n`);
  }
  return Math.max(0, ...listing.problems.map(({ exit }) => exit));
}

function checkChoice(configuration: Configuration, { cloud, mirror }: ImageChoice): void {
  if (mirror !== undefined && !configuration.mirrors.some(({ name }) => name === mirror)) {
    throw unknownMirror(configuration, mirror);
  }
  if (cloud !== undefined && !configuration.clouds.some(({ name }) => name === cloud)) {
    const known = configuration.clouds.map(({ name }) => name).join(', ');
    throw new ImageStreamError(
      'UnknownCloud',
      `No cloud ${JSON.stringify(cloud)} in the configuration, which has ${known}`,
      { hint: 'Name one of those.' },
    );
  }
}

export function renderImages(images: readonly ListedImage[]): string {
  if (images.length === 0) return 'No images.\n';
  const rows = images.map((image) => [
    `${image.cloud}/${image.region}`,
    image.id,
    image.name,
    image.status,
    image.visibility,
    image.product,
    image.version,
    image.item,
    image.size === null ? '-' : formatBytes(image.size),
    image.mirror,
  ]);
  const header = [
    'where',
    'id',
    'name',
    'status',
    'visibility',
    'product',
    'version',
    'item',
    'size',
    'mirror',
  ];
  return formatTable(
    header,
    rows.map((row) => row.map(printable)),
  );
}
