import { Option, type Command } from 'commander';
import { ImageStreamError } from '../contracts/errors.js';
import { WorkflowType } from '../contracts/names.js';
import { connected, contextOf, type CommandContext } from './context.js';
import { formatSpan, formatTable, printable } from './format.js';
import { STATUS_FILTERS, listRuns, type ListedRun, type RunChoice } from './list-runs.js';

const MOST = 1_000;

export function registerRuns(program: Command): void {
  program
    .command('runs')
    .description('list the syncs of mirrors, newest first')
    .option('--mirror <name>', 'of this mirror only')
    .addOption(new Option('--status <status>', 'of this status only').choices(Object.keys(STATUS_FILTERS)))
    .addOption(new Option('--limit <count>', 'how many at most').default(20).argParser(parseLimit))
    .action(async (choice: RunChoice, command: Command) => {
      await runs(contextOf(command), choice);
    });
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= MOST) return limit;
  throw new ImageStreamError(
    'Usage',
    `--limit wants a count from 1 to ${MOST}, and not ${JSON.stringify(text)}`,
  );
}

async function runs(context: CommandContext, choice: RunChoice): Promise<void> {
  const { io, json } = context;
  const connection = await connected(context);
  try {
    const listed = await listRuns(connection.client, choice);
    io.out(json ? `${JSON.stringify({ runs: listed }, null, 2)}\n` : renderRuns(listed));
  } finally {
    await connection.close();
  }
}

export function renderRuns(listed: readonly ListedRun[]): string {
  if (listed.length === 0) return 'No runs.\n';
  const rows = listed.map(({ run, type, mirror, status, stage, started, durationMs, result }) => [
    run,
    type === WorkflowType.scheduledSync ? `${mirror} (schedule)` : mirror,
    status,
    status === 'running' ? stage : '',
    started.replace(/\.\d+Z$/, 'Z'),
    formatSpan(durationMs),
    result,
  ]);
  const header = ['run', 'mirror', 'status', 'stage', 'started', 'took', 'result'];
  return formatTable(
    header,
    rows.map((row) => row.map(printable)),
  );
}
