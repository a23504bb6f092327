import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';

const recordSchema = z.object({
  pid: z.int().positive(),
  port: z.int().min(1).max(65535),
  uiPort: z.int().min(1).max(65535),
});

/** The server that a guardian started last in this folder, kept so that the next one finds its ports, or itself. */
export type ServerRecord = z.output<typeof recordSchema>;

const recordPath = (stateFolder: string) => join(stateFolder, 'server.json');

/** The database of the embedded server; its path on a command line tells our server from any other process. */
export const databasePath = (stateFolder: string) => join(stateFolder, 'temporal.db');

/** The last record; undefined when there is none that can be read. */
export function readRecord(stateFolder: string): ServerRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(recordPath(stateFolder), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Synchronous: between a server's start and its record, nothing else may happen. */
export function writeRecord(stateFolder: string, record: ServerRecord): void {
  writeFileSync(recordPath(stateFolder), JSON.stringify(record), { mode: 0o600 });
}

/** Milliseconds that a server may take to end in order. */
const ORDERLY_END = 10_000;

/**
 * Ends the recorded server if it still runs although its guardian is gone: two servers on one database would lose history. A
 * process that merely has the number is left alone.
 */
export async function endOrphan(stateFolder: string): Promise<void> {
  const record = readRecord(stateFolder);
  if (!record) return;
  const isOurs = () => runsOn(record.pid, databasePath(stateFolder));
  const begun = Date.now();
  let signal: NodeJS.Signals | undefined = 'SIGTERM';
  while (await isOurs()) {
    if (Date.now() - begun > ORDERLY_END) signal = 'SIGKILL';
    if (signal) kill(record.pid, signal);
    signal = undefined;
    await sleep(50);
  }
}

/** Whether this process has that database on its command line. A zombie has no command line, and counts as gone. */
async function runsOn(pid: number, database: string): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() =>
    process.platform === 'linux' ? '' : commandLine(pid),
  );
  return line.includes(database);
}

async function commandLine(pid: number): Promise<string> {
  const listed = await promisify(execFile)('ps', ['-o', 'args=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return listed.stdout;
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself in between.
  }
}
