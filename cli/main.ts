import { Command, CommanderError, Option } from 'commander';
import { registerCancel } from './cancel.js';
import { registerConfigCheck } from './config-check.js';
import { ImageStreamError } from '../contracts/errors.js';
import { contextOf } from './context.js';
import { registerImages } from './images.js';
import { processIo } from './io.js';
import { reportError } from './report-error.js';
import { registerMirror } from './mirror.js';
import { registerKeysFetch } from './keys-fetch.js';
import { registerQuery } from './query.js';
import { registerStreamsCreate } from './streams-create.js';
import { registerRuns } from './runs.js';
import { registerSchedule } from './schedule.js';
import { registerShow } from './show.js';
import { registerStreamsServe } from './streams-serve.js';
import { registerStreamsSign } from './streams-sign.js';
import { registerSync } from './sync.js';
import { registerVerify } from './verify.js';
import { registerWorker } from './worker.js';
import { version } from '../workers/build-id.js';

function createProgram(): Command {
  const program = new Command('image-stream')
    .description("Keeps an OpenStack cloud's images in step with simplestreams mirrors.")
    .version(version())
    .option(
      '-c, --config <file>',
      'configuration file (default: ./image-stream.yaml, then the usual folders)',
    )
    .addOption(
      new Option('--output <format>', 'how results are written').choices(['text', 'json']).default('text'),
    )
    .option('--debug', 'show stack traces', false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, outputError: () => undefined });
  registerSync(program);
  registerVerify(program);
  registerMirror(program);
  registerWorker(program);
  registerRuns(program);
  registerShow(program);
  registerCancel(program);
  registerSchedule(program);
  registerImages(program);
  registerConfigCheck(program.command('config').description('look at the configuration'));
  const streams = program.command('streams').description('make, sign and serve mirrors');
  registerStreamsCreate(streams);
  registerStreamsSign(streams);
  registerStreamsServe(streams);
  registerQuery(program);
  registerKeysFetch(program.command('keys').description('get the keys that mirrors are signed with'));
  return program;
}

/** Subcommands inherit nothing of commander's exit handling unless told. */
function overrideExits(command: Command): void {
  for (const child of command.commands) {
    child.exitOverride().configureOutput({ writeErr: () => undefined, outputError: () => undefined });
    overrideExits(child);
  }
}

/** A reader that went away (`| head`) ends nothing: work goes on, unheard. A full disk is told of at the end. */
function watchOutput(): { lost: () => ImageStreamError | undefined } {
  let failure: NodeJS.ErrnoException | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') failure = error;
  });
  process.stderr.on('error', () => undefined);
  return {
    lost: () =>
      failure &&
      new ImageStreamError(
        'OutputLost',
        `Standard output could not be written (${failure.code ?? failure.name})`,
      ),
  };
}

async function main(): Promise<number> {
  const program = createProgram();
  overrideExits(program);
  const output = watchOutput();
  try {
    await program.parseAsync();
    const lost = output.lost();
    if (lost) throw lost;
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const { options } = contextOf(program);
    return reportError(error, processIo(), { debug: options.debug, json: options.output === 'json' });
  }
}

process.exitCode = await main();
