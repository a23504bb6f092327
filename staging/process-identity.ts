import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { z } from 'zod';

/**
 * Which process this is, as far as another one on the same kernel and in the same pid namespace can check.
 * Elsewhere pids mean nothing, so only time tells there.
 */
export const processIdentity = z.object({
  host: z.string(),
  pid: z.number().int(),
  bootId: z.string().optional(),
  pidNamespace: z.string().optional(),
  /** Clock ticks since boot at which it started: tells it from a later process of the same pid. */
  startTime: z.string().optional(),
});
export type ProcessIdentity = z.infer<typeof processIdentity>;

let own: Promise<ProcessIdentity> | undefined;

/** This process. It stays the same, so it is read once. */
export function ownIdentity(): Promise<ProcessIdentity> {
  own ??= readOwnIdentity();
  return own;
}

/** Whether that process is known to have ended. False where it cannot be known from here. */
export async function knownToBeDead(other: ProcessIdentity): Promise<boolean> {
  const self = await ownIdentity();
  const comparable =
    self.bootId !== undefined &&
    self.bootId === other.bootId &&
    self.pidNamespace !== undefined &&
    self.pidNamespace === other.pidNamespace &&
    self.host === other.host;
  if (!comparable) return false;
  const stat = await readStat(String(other.pid));
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return true;
  return other.startTime !== undefined && stat.startTime !== other.startTime;
}

async function readOwnIdentity(): Promise<ProcessIdentity> {
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => undefined);
  const pidNamespace = await readlink('/proc/self/ns/pid').catch(() => undefined);
  const stat = await readStat('self');
  return {
    host: hostname(),
    pid: process.pid,
    ...(bootId !== undefined && { bootId: bootId.trim() }),
    ...(pidNamespace !== undefined && { pidNamespace }),
    ...(stat && { startTime: stat.startTime }),
  };
}

/** State and start time of /proc/PID/stat (proc(5)): the name before them may hold spaces and brackets. */
async function readStat(pid: string): Promise<{ state: string; startTime: string } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields?.[0];
  const startTime = fields?.[19];
  return state !== undefined && startTime !== undefined ? { state, startTime } : undefined;
}
