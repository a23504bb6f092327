import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import { WorkflowType } from '../contracts/names.js';
import { connected, contextOf, type CommandContext } from './context.js';
import { whenInterrupted } from './interrupt.js';
import { follow } from './progress/follow.js';
import { describeRun } from './run-names.js';
import { runFacts } from './run-facts.js';
import { readRun, type RunView } from './run-view.js';
import { renderRun } from './run-view-text.js';

interface ShowOptions {
  runId?: string;
  follow: boolean;
}

export function registerShow(program: Command): void {
  program
    .command('show <run>')
    .description(
      'say where a run is and what failed: a workflow id such as sync/ubuntu, or the name of a mirror',
    )
    .option('--run-id <id>', 'this execution of it, and not the latest')
    .option('--follow', 'show its progress until it ends; the exit status is then that of the run', false)
    .action(async (run: string, options: ShowOptions, command: Command) => {
      process.exitCode = await show(contextOf(command), run, options);
    });
}

async function show(context: CommandContext, run: string, options: ShowOptions): Promise<number> {
  const { io, json } = context;
  const connection = await connected(context);
  try {
    const { client } = connection;
    let described = await describeRun(client, run, options.runId);
    if (options.follow && described.status.name === 'RUNNING') {
      if (await followOne(context, client, described)) return 130;
      described = await describeRun(client, described.workflowId, described.runId);
    }
    const view = await readRun(client, described);
    io.out(json ? `${JSON.stringify(view, null, 2)}\n` : renderRun(view));
    return options.follow ? exitOf(view) : 0;
  } finally {
    await connection.close();
  }
}

/** Whether the user interrupted it; the run itself goes on then. */
async function followOne(
  { io, json }: CommandContext,
  client: Client,
  described: Parameters<typeof runFacts>[0],
): Promise<boolean> {
  const { run, runId, mirror, type } = runFacts(described);
  const ended = client.workflow
    .getHandle(run, runId)
    .result()
    .then(
      () => 'ended' as const,
      () => 'ended' as const,
    );
  const interrupted = whenInterrupted();
  const over = Promise.race([ended, interrupted.signal]);
  if (!json && type === WorkflowType.syncMirror)
    await follow(client, [{ mirror, workflowId: run }], io, over);
  const outcome = await over;
  interrupted.stop();
  return outcome === 'interrupted';
}

function exitOf({ status, error }: RunView): number {
  return status === 'completed' ? 0 : (error?.exit ?? 1);
}
