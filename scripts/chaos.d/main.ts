import { parseArgs } from 'node:util';
import { localSession } from '../../test/support/cloud.js';
import { leaveNoTrace } from '../../test/support/leave-no-trace.js';
import { Journal, MARK, REGION } from './place.js';
import { planKills } from './plan.js';
import { commandOf, processesWith } from './process-table.js';
import { openScene, served, type Scene } from './scene.js';
import { brokenStaging, settle } from './settle.js';
import { storm } from './storm.js';

/** Run by scripts/chaos, which brings the cloud and makes the folder. */
const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } });
const seconds = Number(values.seconds);
const seed = Number(values.seed);
const folder = process.env[MARK];
if (folder === undefined) throw new Error(`${MARK} names no folder`);
const journal = new Journal(folder);

let scene: Scene | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const pid of processesWith(MARK, folder)) process.kill(pid, 'SIGKILL');
    process.exit(130);
  });
}

const broken: string[] = [];
try {
  scene = await openScene(seed, journal);
  broken.push(...(await run(scene)));
} catch (error) {
  broken.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
}
if (scene) broken.push(...(await end(scene)));
for (const line of broken) journal.print(`BROKEN: ${line}`);
process.exit(broken.length === 0 ? 0 : 1);

async function run(scene: Scene): Promise<string[]> {
  const { victims, watch, syncs, mirror } = scene;
  await victims.start();
  const applied = await syncs.command('schedule', 'apply');
  if (applied.code !== 0) return [`the schedule was not applied: ${applied.stderr}`];
  watch.start();
  journal.say(
    `${planKills(seed, seconds).length} kills are planned by seed ${seed} in ${seconds} s at the most`,
  );
  const kills = await storm(scene, { seed, seconds }, journal);
  const settled = await settle(scene, journal);
  const counts = [...kills].sort(([a], [b]) => (a < b ? -1 : 1));
  const { files, documents, requests } = await served(victims);
  const least = watch.leastBytes;
  const failures = [...syncs.failed].map(([code, count]) => `${code} ${count}`).join(', ');
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  journal.print(`kills: ${counts.map(([name, count]) => `${name} ${count}`).join(', ')}`);
  journal.print(`syncs: ${syncs.done} done, ${syncs.failures} failed${failures ? ` (${failures})` : ''}`);
  journal.print(`mirror: ${mirror.changes} changes, ${requests} requests, ${documents} bytes of documents`);
  const factor = least > 0 ? (files / least).toFixed(2) : '-';
  journal.print(`images: ${files} bytes served, ${least} the least possible (${factor} times)`);
  journal.print(`Glance was looked at ${watch.looks} times`);
  journal.print(`total: ${total} kills, ${syncs.done + syncs.failures} syncs`);
  return settled;
}

/** Ends what was started and says what could not be ended. */
async function end(scene: Scene): Promise<string[]> {
  const broken: string[] = [];
  await scene.victims.stop();
  broken.push(...scene.victims.surprises(), ...(await brokenStaging(scene, journal)));
  for (const pid of processesWith(MARK, folder ?? ''))
    broken.push(`process ${pid} is left: ${commandOf(pid)}`);
  try {
    const session = await localSession();
    const { contentId, container } = scene;
    await scene.foreign.remove();
    await leaveNoTrace(session, REGION, { contentIds: [contentId], container });
    await session.close();
  } catch (error) {
    broken.push(`the cloud could not be cleaned: ${String(error)}`);
  }
  return broken;
}
