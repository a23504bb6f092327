import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { Glance } from '../../openstack/index.js';
import type { Rule } from './service-proxy.js';
import { MIB, REGION, noble, type Running, type WorkerScene } from './worker-scene.js';

/** A step of a run at which a rule of a proxy stops the worker, so that a test can do something to it there. */
export type Stop = (scene: WorkerScene, oldImage: string) => Rule;

const IMAGES = /\/v2\/images$/;
const INDEX = /\/streams\/v1\/index\.json$/;

/** The bytes of an image on their way to Glance. */
export const FILE = /\/v2\/images\/[^/]+\/file$/;

const products = ({ contentId }: WorkerScene) => new RegExp(`/streams/v1/${contentId}\\.json$`);

/** `before`: the service has not heard of it; `after`: it did it, and its answer is on the way. */
export const STOPS = {
  afterProbe: ({ glance }) => glance.rule({ kind: 'hold-answer' }, { method: 'POST', path: IMAGES }),
  afterCreate: ({ glance }) =>
    glance.rule({ kind: 'hold-answer' }, { method: 'POST', path: IMAGES, skip: 1 }),
  inUpload: ({ glance }) =>
    glance.rule({ kind: 'pause', afterBytes: 8 * MIB }, { method: 'PUT', path: FILE }),
  inUploadUnnoticed: ({ glance }) =>
    glance.rule({ kind: 'pause', afterBytes: 8 * MIB, silent: true }, { method: 'PUT', path: FILE }),
  afterUpload: ({ glance }) => glance.rule({ kind: 'hold-answer' }, { method: 'PUT', path: FILE }),
  beforeFinalise: ({ glance }) => glance.rule({ kind: 'hold' }, { method: 'PATCH' }),
  afterFinalise: ({ glance }) => glance.rule({ kind: 'hold-answer' }, { method: 'PATCH' }),
  beforeRemove: ({ glance }, old) =>
    glance.rule({ kind: 'hold' }, { method: 'DELETE', path: new RegExp(`${old}$`) }),
  afterRemove: ({ glance }, old) =>
    glance.rule({ kind: 'hold-answer' }, { method: 'DELETE', path: new RegExp(`${old}$`) }),
  beforeProducts: (scene) => scene.swift.rule({ kind: 'hold' }, { method: 'PUT', path: products(scene) }),
  beforeIndex: ({ swift }) => swift.rule({ kind: 'hold' }, { method: 'PUT', path: INDEX }),
  afterIndex: ({ swift }) => swift.rule({ kind: 'hold-answer' }, { method: 'PUT', path: INDEX }),
} satisfies Record<string, Stop>;

/** Waits until the run is at the rule's step. @throws when it ended without */
export async function untilStopped(rule: Rule, syncing: Running): Promise<void> {
  const ended = syncing.finished.then(({ stdout, stderr }) => {
    throw new Error(`the run ended without that step: ${stdout}${stderr}`);
  });
  await Promise.race([rule.hit, ended]);
}

/** An older image of this mirror, as an earlier run left it: a run removes it when the new one is there. */
export async function plantOld({ contentId, mirror, session }: WorkerScene): Promise<string> {
  const bytes = randomBytes(5_000);
  const hex = (algorithm: string) => createHash(algorithm).update(bytes).digest('hex');
  const glance = new Glance(session, REGION);
  const { id } = await glance.create({
    name: `${contentId}/old`,
    diskFormat: 'qcow2',
    containerFormat: 'bare',
    visibility: 'private',
    properties: {
      content_id: contentId,
      source_content_id: mirror.contentId,
      product_name: noble,
      version_name: '20230101',
      item_name: 'disk1.img',
      simplestreams_metadata: '{"ftype": "disk1.img"}',
      image_stream_mirror: 'ubuntu',
      image_stream_digest: `sha256:${hex('sha256')}`,
      image_stream_verified: hex('md5'),
    },
  });
  await glance.upload(id, Readable.from([bytes]), { size: bytes.length });
  await glance.patch(id, { visibility: 'public' });
  return id;
}

/** Names of the images that ask for rights and were left behind; those of the scenes beside come and go. */
export async function probes({ session }: WorkerScene): Promise<string[]> {
  const names: string[] = [];
  for await (const { name = '', properties } of new Glance(session, REGION).list({ status: 'queued' })) {
    if (properties.image_stream_probe !== undefined) names.push(name);
  }
  return names;
}
