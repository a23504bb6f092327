import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessFacts {
  pid: number;
  parent: number;
  /** Clock ticks since the machine's start: with the pid it names a process for good. */
  started: string;
}

/** What /proc says of a process; undefined for one that is gone or only waits to be reaped. */
export function processFacts(pid: number): ProcessFacts | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The command's name in parentheses may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === undefined || fields[0] === '' || fields[0] === 'Z') return undefined;
  return { pid, parent: Number(fields[1]), started: fields[19] ?? '' };
}

export function childrenOf(pid: number): number[] {
  return allProcesses().filter((other) => processFacts(other)?.parent === pid);
}

/** Processes that have a variable of that value in their environment, this one left out. */
export function processesWith(variable: string, value: string): number[] {
  const wanted = `${variable}=${value}`;
  return allProcesses().filter(
    (pid) =>
      pid !== process.pid &&
      processFacts(pid) !== undefined &&
      read(`/proc/${pid}/environ`)
        .split('\0')
        .some((entry) => entry === wanted || entry.startsWith(`${wanted}/`)),
  );
}

export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim().slice(0, 150);
}

function allProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Processes come and go while one reads. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
