import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Io } from '../io.js';
import { plainProgress, renderProgress } from './render.js';
import { readProgress } from './watch.js';

const REDRAW_MS = 700;
/** Between two lines of plain progress for the same region. */
const PLAIN_MS = 10_000;

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
  const display = io.terminal ? terminalDisplay(io) : plainDisplay(io);
  while (!over) {
    const states = await Promise.all(
      runs.map(async ({ mirror, workflowId }) => ({ mirror, run: await readProgress(client, workflowId) })),
    );
    if (over) break;
    display.show(states);
    await sleep(REDRAW_MS, undefined, { signal: stop.signal }).catch(() => undefined);
  }
  display.end();
}

type State = { mirror: string; run: Awaited<ReturnType<typeof readProgress>> };
interface Display {
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
  let last = '';
  let at = -PLAIN_MS;
  return {
    show(states) {
      const text = states.flatMap(({ mirror, run }) => plainProgress(mirror, run)).join('\n');
      if (text === last || performance.now() - at < PLAIN_MS) return;
      last = text;
      at = performance.now();
      io.out(`${text}\n`);
    },
    end: () => undefined,
  };
}
