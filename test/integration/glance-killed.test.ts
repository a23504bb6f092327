import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Session } from '../../openstack/index.js';
import { LOCAL_CLOUD, localSession } from '../support/cloud.js';
import { FaultScene } from '../support/fault-scene.js';
import { ServiceProxy } from '../support/service-proxy.js';

// Kills Glance of RegionTwo: in a file of its own, since files run one after the other, and what they use is up again at its end.

const REGION = 'RegionTwo';
const SIZES = { midway: 6_000_000, answered: 1_100_000 };
const FILE = /\/v2\/images\/[^/]+\/file$/;

let session: Session;
let faults: FaultScene;
let proxy: ServiceProxy;

const localCloud = (...args: string[]) =>
  promisify(execFile)(join(import.meta.dirname, '../../scripts/local-cloud'), [
    '--state',
    LOCAL_CLOUD,
    ...args,
  ]);

beforeAll(async () => {
  session = await localSession();
  faults = await FaultScene.open(session, SIZES, { region: REGION });
  proxy = await ServiceProxy.start(session.endpoint('image', REGION));
  await faults.through({ image: proxy });
});

afterAll(async () => {
  await localCloud('start', 'glance-RegionTwo');
  await faults?.close();
  await proxy?.close();
  await session?.close();
});

test('Glance killed in the middle of an upload leaves an image that never ends; it is deleted and the image made anew', async () => {
  const midway = proxy.rule(
    { kind: 'pause', afterBytes: 3_000_000 },
    { method: 'PUT', path: FILE, length: SIZES.midway },
  );
  const answered = proxy.rule({ kind: 'hold-answer' }, { method: 'PUT', path: FILE, length: SIZES.answered });
  const run = faults.sync();
  await Promise.all([midway.hit, answered.hit]);
  const before = await faults.held();
  expect(before.midway).toMatchObject([{ status: 'saving' }]);
  await localCloud('kill', 'glance-RegionTwo');
  proxy.clearRules();
  await localCloud('start', 'glance-RegionTwo');
  expect(await run).toMatchObject({ code: 0, added: 2, failed: {} });

  const held = await faults.held();
  for (const name of Object.keys(SIZES)) expect(held[name], name).toMatchObject(await faults.whole(name));
  expect(held.midway?.[0]?.id).not.toBe(before.midway?.[0]?.id);
});
