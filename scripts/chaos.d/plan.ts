import { seeded } from './random.js';

/** What is killed, and how often compared with the others. `glance` is leader and workers at once. */
const WEIGHTS = {
  'worker-1': 2,
  'worker-2': 2,
  temporal: 2,
  glance: 2,
  'glance-leader': 1,
  'glance-worker': 1,
  keystone: 2,
  'swift-proxy': 2,
  mirror: 2,
} as const;

export type VictimName = keyof typeof WEIGHTS;

export const VICTIMS = Object.keys(WEIGHTS) as VictimName[];

export interface PlannedKill {
  /** Milliseconds after the start. */
  atMs: number;
  victim: VictimName;
  /** Milliseconds until it is started again. */
  pauseMs: number;
}

/** Milliseconds between kills: at least, on average above that, at most. Long enough for work to go on in between. */
const GAP = { least: 1_500, mean: 4_500, most: 15_000 };

const PAUSE = { least: 100, most: 6_000 };

/** The kills of a run: the same for the same seed, and those of a shorter run are the first of a longer one. */
export function planKills(seed: number, seconds: number): PlannedKill[] {
  const random = seeded(seed, 'kills');
  const lots = VICTIMS.flatMap((name) => Array<VictimName>(WEIGHTS[name]).fill(name));
  const kills: PlannedKill[] = [];
  for (let at = 0; ;) {
    at += Math.min(GAP.most, GAP.least - GAP.mean * Math.log(1 - random.next()));
    if (at >= seconds * 1000) return kills;
    const victim = random.pick(lots);
    // Mostly short: a service that is away for long only makes everything wait.
    const pauseMs = PAUSE.least + (PAUSE.most - PAUSE.least) * random.next() ** 2;
    kills.push({ atMs: Math.round(at), victim, pauseMs: Math.round(pauseMs) });
  }
}
