import { setTimeout as sleep } from 'node:timers/promises';
import { until, type Journal } from './place.js';
import { planKills, type VictimName } from './plan.js';
import { seeded } from './random.js';
import { served, type Scene } from './scene.js';

/** Seconds between changes of the mirror. */
const CHANGE = { least: 6, most: 20 };

/** Victims that may be away when the next one goes. */
const AWAY_AT_ONCE = 1;

/** Kills by the plan while syncs run and the mirror changes, for the given seconds; answers the kills by victim. */
export async function storm(
  { victims, syncs, mirror }: Scene,
  { seed, seconds }: { seed: number; seconds: number },
  journal: Journal,
): Promise<Map<VictimName, number>> {
  syncs.start(seeded(seed, 'syncs'));
  // Otherwise a short run would see nothing but a sync that never came to its first byte.
  await until('the first byte of an image', 300, async () => (await served(victims)).files > 0);
  journal.say('the first bytes of images flow');
  const kills = new Map<VictimName, number>();
  const started = Date.now();
  const end = started + seconds * 1000;
  const changes = (async () => {
    const random = seeded(seed, 'changes');
    for (;;) {
      const pause = random.between(CHANGE.least, CHANGE.most) * 1000;
      if (Date.now() + pause >= end) return;
      await sleep(pause);
      journal.say(`mirror: ${await mirror.change()}`);
    }
  })();
  let last = 0;
  for (const { atMs, victim, pauseMs } of planKills(seed, seconds)) {
    await sleep(atMs - last);
    last = atMs;
    // Where everything starts slowly the plan takes longer: with nearly all of it away for good nothing would be tried.
    while (victims.down() > AWAY_AT_ONCE && Date.now() < end) await sleep(100);
    if (Date.now() >= end) break;
    const killed = await victims.kill(victim, pauseMs);
    if (killed) kills.set(victim, (kills.get(victim) ?? 0) + 1);
    const back = victim === 'glance-worker' ? '' : `, back in ${(pauseMs / 1000).toFixed(1)} s`;
    journal.say(killed ? `kill -9 ${victim}${back}` : `${victim} was down already`);
  }
  await sleep(Math.max(0, end - Date.now()));
  await changes;
  return kills;
}
