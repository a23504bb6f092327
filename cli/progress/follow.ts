import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Io } from '../io.js';
import { plainProgress, renderProgress } from './render.js';
import { readProgress } from './watch.js';

const REDRAW_MS = 700;
/** Plain progress: lines of a new stage come soon, lines with other numbers now and then. */
const NEWS_MS = 1_000;
const NUMBERS_MS = 10_000;
/** A worker that has just started, or is busy, answers within this. */
const SILENCE_MS = 10_000;

export interface Followed {
  mirror: string;
  workflowId: string;
}

/** Shows the progress of runs until `ended` settles: redrawn on a terminal, now and then a line elsewhere. */
export async function follow(
  client: Client,
  runs: readonly Followed[],
  io: Io,
  ended: Promise<unknown>,
): Promise<void> {
  let over = false;
  const stop = new AbortController();
  const settled = () => {
    over = true;
    stop.abort();
  };
  ended.then(settled, settled);
  const answered = new Map<string, number>();
  const started = performance.now();
  const read = async ({ mirror, workflowId }: Followed): Promise<State> => {
    const run = await readProgress(client, workflowId);
    const now = performance.now();
    if (run.progress) answered.set(workflowId, now);
    const silent = now - (answered.get(workflowId) ?? started) > SILENCE_MS;
    return { mirror, run: { ...run, silent } };
  };
  const display = io.terminal ? terminalDisplay(io) : plainDisplay(io);
  while (!over) {
    const states = await Promise.all(runs.map(read));
    if (over) break;
    display.show(states);
    await sleep(REDRAW_MS, undefined, { signal: stop.signal }).catch(() => undefined);
  }
  display.end();
}

type State = { mirror: string; run: Awaited<ReturnType<typeof readProgress>> };
export interface Display {
  show(states: State[]): void;
  end(): void;
}

function terminalDisplay(io: Io): Display {
  let drawn = 0;
  const clear = () => {
    if (drawn > 0) io.err(`\u001b[${drawn}A\u001b[J`);
    drawn = 0;
  };
  return {
    show(states) {
      const lines = states.flatMap(({ mirror, run }) => renderProgress(mirror, run, io.columns));
      clear();
      io.err(lines.map((line) => `${line}\n`).join(''));
      drawn = lines.length;
    },
    end: clear,
  };
}

function plainDisplay(io: Io): Display {
  return plainLines((text) => io.out(text));
}

/** Writes those lines that changed: soon when they say something new, now and then when only their numbers moved. */
export function plainLines(write: (text: string) => void, now = () => performance.now()): Display {
  let last: string[] = [];
  let at = -NUMBERS_MS;
  return {
    show(states) {
      const lines = states.flatMap(({ mirror, run }) => plainProgress(mirror, run));
      const changed = lines.filter((line) => !last.includes(line));
      const known = last.map(withoutNumbers);
      const news = changed.some((line) => !known.includes(withoutNumbers(line)));
      if (changed.length === 0 || now() - at < (news ? NEWS_MS : NUMBERS_MS)) return;
      last = lines;
      at = now();
      write(changed.map((line) => `${line}\n`).join(''));
    },
    end: () => undefined,
  };
}

function withoutNumbers(text: string): string {
  return text.replace(/[\d.]+ ?([KMGT]?i?B)?/g, '#');
}
