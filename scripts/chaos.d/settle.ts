import type { Finished } from '../../test/support/cli.js';
import { localSession } from '../../test/support/cloud.js';
import { imagesOf } from '../../test/support/leave-no-trace.js';
import { brokenImages } from './check-images.js';
import { brokenEndpoints, brokenStream } from './check-published.js';
import { examineStaging } from './check-staging.js';
import { REGION, type Journal } from './place.js';
import { BUDGET, MIRROR, served, type Scene } from './scene.js';
import { WORKERS, cacheOf } from './victims.js';
import { join } from 'node:path';

/** The first may join a run that saw an older mirror, or that met the last kills. */
const LAST_SYNCS = 3;

/** With everything up: syncs until one is content, then one more that finds nothing to do; answers what is broken. */
export async function settle(scene: Scene, journal: Journal): Promise<string[]> {
  const { syncs, victims, watch, foreign } = scene;
  await victims.whenUp();
  journal.say('everything is up again');
  await syncs.stop();
  await syncs.command('schedule', 'delete', MIRROR);
  const broken: string[] = [];
  let last: Finished | undefined;
  for (let sync = 1; sync <= LAST_SYNCS; sync += 1) {
    last = await syncs.sync();
    journal.say(`last sync ${sync}: ${told(last)}`);
    // Whoever joined cannot know what the run had seen of the mirror.
    if (last.code === 0 && !last.stdout.includes('is under way')) break;
  }
  if (last?.code !== 0) broken.push(`the last sync failed: ${last ? told(last) : 'none ran'}`);
  broken.push(...(await changedByOneMore(scene, journal)));
  await watch.stop();
  broken.push(...(await brokenCloud(scene)), ...(await foreign.broken()));
  return [...broken, ...watch.violations, ...syncs.violations];
}

async function changedByOneMore(scene: Scene, journal: Journal): Promise<string[]> {
  const before = { files: (await served(scene.victims)).files, images: await ours(scene) };
  const again = await scene.syncs.sync();
  journal.say(`one more: ${told(again)}`);
  const after = { files: (await served(scene.victims)).files, images: await ours(scene) };
  const count = scene.mirror.wanted().length;
  const quiet =
    again.code === 0 &&
    again.stdout.includes(`nothing to do, ${count} images are as they should be`) &&
    again.stdout.includes(`metadata of ${count} images unchanged`);
  return [
    ...(quiet ? [] : [`one more sync was not content: ${told(again)}`]),
    ...(after.files === before.files ? [] : [`one more sync downloaded ${after.files - before.files} bytes`]),
    ...(JSON.stringify(after.images) === JSON.stringify(before.images)
      ? []
      : ['one more sync changed images in Glance']),
  ];
}

async function brokenCloud({ mirror, contentId, container, foreign }: Scene): Promise<string[]> {
  const session = await localSession();
  try {
    const images = (await imagesOf(session, REGION, contentId)).filter(({ id }) => !foreign.has(id));
    const expected = {
      wanted: mirror.wanted(),
      contentId,
      sourceContentId: mirror.contentId,
      mirrorName: MIRROR,
      namePrefix: `${contentId}/`,
    };
    return [
      ...brokenImages(images, expected),
      ...(await brokenStream(session, container, contentId, images)),
      ...(await brokenEndpoints(session, container)),
    ];
  } finally {
    await session.close();
  }
}

/** When no worker runs any more. */
export async function brokenStaging({ bench }: Scene, journal: Journal): Promise<string[]> {
  const broken: string[] = [];
  for (const worker of WORKERS) {
    const root = join(cacheOf(bench, worker), 'image-stream', 'staging');
    const found = await examineStaging(root, BUDGET);
    journal.print(`staging of ${worker}: ${found.bytes} bytes, ${found.parts} unfinished`);
    broken.push(...found.broken);
  }
  return broken;
}

async function ours({ contentId }: Scene): Promise<unknown[]> {
  const session = await localSession();
  try {
    const images = await imagesOf(session, REGION, contentId);
    return images.sort((a, b) => (a.id < b.id ? -1 : 1));
  } finally {
    await session.close();
  }
}

function told({ code, stdout, stderr }: Finished): string {
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => / → |^[A-Z]\w+: |failed: /.test(line));
  return `exit ${code}, ${lines.join(' | ') || 'and says nothing of it'}`;
}
