import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { Command } from 'commander';
import { ImageStreamError } from '../contracts/errors.js';
import { QueryName } from '../contracts/names.js';
import { Staging } from '../staging/index.js';
import { connected, contextOf, type CommandContext, type Connected } from './context.js';
import { withOwnWorker } from './in-process-worker.js';
import { formatBytes } from '../contracts/bytes.js';
import { describeRun } from './run-names.js';
import { runFacts } from './run-facts.js';
import { hasWorker } from './worker-presence.js';

/** Transfers hear of it at their next beat, and one whose worker died ends 10 s after its last. */
const WAIT_MS = 60_000;
const ANSWER_MS = 2_000;

export function registerCancel(program: Command): void {
  program
    .command('cancel <run>')
    .description('end a run in order: a workflow id such as sync/ubuntu, or the name of a mirror')
    .option('--no-wait', 'ask for it, and do not wait until it has ended')
    .action(async (run: string, { wait }: { wait: boolean }, command: Command) => {
      await cancel(contextOf(command), run, wait);
    });
}

/** @throws {ImageStreamError} RunNotFound, CancelPending when it has not ended in time */
async function cancel(context: CommandContext, run: string, wait: boolean): Promise<void> {
  const { io, json } = context;
  const connection = await connected(context);
  try {
    const { client } = connection;
    const described = await describeRun(client, run);
    const { workflowId, runId } = described;
    if (described.status.name !== 'RUNNING') throw hasEnded(workflowId, runFacts(described).status);
    await client.workflow
      .getHandle(workflowId, runId)
      .cancel()
      .catch((error: unknown) => {
        throw error instanceof WorkflowNotFoundError ? hasEnded(workflowId, 'ended') : error;
      });
    if (!wait) {
      io.out(
        json
          ? `${JSON.stringify({ run: workflowId, runId, outcome: 'requested' })}\n`
          : `${workflowId} is asked to end\n`,
      );
      return;
    }
    if (!connection.access.embedded && !(await hasWorker(client))) {
      throw new ImageStreamError(
        'CancelPending',
        `${workflowId} is asked to end, and no worker is connected to Temporal to end it`,
        { hint: 'Start `image-stream worker`; the run then ends by itself.' },
      );
    }
    const ended = await withWorker(context, connection, workflowId, () =>
      untilEnded(client, workflowId, runId),
    );
    if (!ended) {
      throw new ImageStreamError(
        'CancelPending',
        `${workflowId} is asked to end and has not within ${WAIT_MS / 1000} s`,
      );
    }
    const { status } = runFacts(await describeRun(client, workflowId, runId));
    const staged = await stagedHere(connection);
    if (json) io.out(`${JSON.stringify({ run: workflowId, runId, outcome: status, staged })}\n`);
    else io.out(`${workflowId} has ended (${status}). ${whatStays(staged)}\n`);
  } finally {
    await connection.close();
  }
}

function hasEnded(id: string, status: string): ImageStreamError {
  return new ImageStreamError('RunNotFound', `${id} is not running: its last run is ${status}`);
}

async function untilEnded(client: Client, workflowId: string, runId: string): Promise<boolean> {
  const result = client.withDeadline(Date.now() + WAIT_MS, () =>
    client.workflow.getHandle(workflowId, runId).result(),
  );
  await result.catch(() => undefined);
  const { status } = await describeRun(client, workflowId, runId);
  return status.name !== 'RUNNING';
}

/** A run of the embedded server whose command was killed has no worker to end it: then this process is one. */
async function withWorker<T>(
  context: CommandContext,
  connection: Connected,
  workflowId: string,
  work: () => Promise<T>,
): Promise<T> {
  const { access, client } = connection;
  if (!access.embedded || (await isServed(client, workflowId))) return work();
  return withOwnWorker(context, connection, work);
}

/** Only a living worker answers queries. */
async function isServed(client: Client, workflowId: string): Promise<boolean> {
  try {
    await client.withDeadline(Date.now() + ANSWER_MS, () =>
      client.workflow.getHandle(workflowId).query(QueryName.progress),
    );
    return true;
  } catch {
    return false;
  }
}

interface StagedHere {
  path: string;
  /** Bytes of whole and of unfinished files. */
  bytes: number;
}

/** Only the embedded server's worker is sure to be of this machine. */
async function stagedHere({ access, configuration }: Connected): Promise<StagedHere | undefined> {
  if (!access.embedded) return undefined;
  const { path } = configuration.staging;
  const { wholeBytes, partBytes } = await (await Staging.open({ root: path })).usage();
  return { path, bytes: wholeBytes + partBytes };
}

function whatStays(staged: StagedHere | undefined): string {
  const where = staged
    ? `${formatBytes(staged.bytes)} in ${staged.path}`
    : 'it is in the staging folders of the workers';
  return `What was staged stays, and the next sync goes on from it: ${where}.`;
}
