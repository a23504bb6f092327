import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { choosePorts } from '../../cli/embedded/ports.js';
import { ubuntuProduct } from '../../test/support/small-mirror.js';
import { Workbench } from '../../test/support/cli.js';
import { LOCAL_CLOUD, uniqueName } from '../../test/support/cloud.js';
import { ChangingMirror, WANTED } from './changing-mirror.js';
import { ForeignImages } from './foreign-images.js';
import { GlanceWatch } from './glance-watch.js';
import { REGION, type Journal } from './place.js';
import { Syncs } from './syncs.js';
import { Victims } from './victims.js';

export const MIRROR = 'chaos';

/** Bytes of each worker's staging: a few images, so that some have to give way. */
export const BUDGET = 160 * 1024 * 1024;

/** All that a run has, made and started. */
export interface Scene {
  contentId: string;
  container: string;
  bench: Workbench;
  mirror: ChangingMirror;
  foreign: ForeignImages;
  victims: Victims;
  watch: GlanceWatch;
  syncs: Syncs;
}

export async function openScene(seed: number, journal: Journal): Promise<Scene> {
  const contentId = uniqueName('chaos');
  const container = contentId;
  const bench = await Workbench.open('chaos');
  const mirror = await ChangingMirror.make(bench.mirrorRoot, join(bench.folder, 'mirror-key.asc'), seed);
  const foreign = await ForeignImages.put(contentId, ubuntuProduct('24.04'), `${contentId}-theirs`);
  const { port: temporalPort, uiPort: mirrorPort } = await choosePorts(bench.folder, undefined);
  await bench.configure(configuration(contentId, container, mirror, mirrorPort));
  const settings = {
    bench,
    cloudState: LOCAL_CLOUD,
    temporalPort,
    mirrorPort,
    mirrorRoot: bench.mirrorRoot,
  };
  const victims = new Victims(settings, journal);
  const watch = new GlanceWatch(contentId, mirror, journal);
  const syncs = new Syncs(bench, { TEMPORAL_ADDRESS: victims.address }, MIRROR, journal);
  return { contentId, container, bench, mirror, foreign, victims, watch, syncs };
}

function configuration(contentId: string, container: string, mirror: ChangingMirror, port: number) {
  return {
    clouds: [{ name: 'local', regions: [REGION], publish: { to: 'swift', container, prefix: 'data/' } }],
    staging: { budget: BUDGET },
    mirrors: [
      {
        name: MIRROR,
        url: `http://127.0.0.1:${port}/`,
        path: mirror.indexPath,
        keyring: mirror.keyring,
        filters: [],
        max: WANTED,
        clouds: ['local'],
        content_id: contentId,
        name_prefix: `${contentId}/`,
        visibility: 'public',
        small_item_limit: '1MiB',
        schedule: { every: '1m' },
      },
    ],
  };
}

export interface Served {
  /** Bytes of images, and of documents. */
  files: number;
  documents: number;
  requests: number;
}

/** What the mirror served in all its lives. */
export async function served(victims: Victims): Promise<Served> {
  const total: Served = { files: 0, documents: 0, requests: 0 };
  for (const path of victims.mirrorCounts()) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (text === '') continue;
    const counts = JSON.parse(text) as Served;
    total.files += counts.files;
    total.documents += counts.documents;
    total.requests += counts.requests;
  }
  return total;
}
