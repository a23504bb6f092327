import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect } from 'vitest';
import { Swift } from '../../openstack/index.js';
import { readPublished } from '../../simplestreams/index.js';
import { imagesOf } from './leave-no-trace.js';
import type { MirrorItem } from './small-mirror.js';
import { REGION, type WorkerScene } from './worker-scene.js';

/** An image as the mirror, Glance and the published metadata must tell of it alike. */
interface Fact {
  identity: string;
  size: number;
  md5: string;
}

/**
 * What holds after every run, whatever happened before: exactly one image for each item of the mirror, active, visible, with the
 * bytes of the mirror's file, and nothing in any other state; published are these images and no others.
 */
export async function expectInStep(scene: WorkerScene, items = scene.items): Promise<void> {
  const { session, contentId } = scene;
  const images = await imagesOf(session, REGION, contentId);
  expect(images.map(({ status, visibility }) => `${status} ${visibility}`)).toEqual(
    images.map(() => 'active public'),
  );
  const facts = images.map(({ properties, size, checksum }) => ({
    identity: `${properties.product_name} ${properties.version_name} ${properties.item_name}`,
    size: size ?? 0,
    md5: checksum ?? '',
  }));
  expect(inOrder(facts)).toEqual(inOrder(await Promise.all(items.map((item) => factOf(scene, item)))));
  for (const image of images) {
    expect(image.osHashAlgo).toBe('sha512');
    const file = scene.mirror.file(
      image.properties.product_name ?? '',
      image.properties.version_name ?? '',
      image.properties.item_name,
    );
    expect(image.osHashValue).toBe(await digestOf(join(scene.mirror.root, file), 'sha512'));
  }
  if (await publishes(scene)) await expectPublished(scene, images);
}

async function expectPublished(
  { session, contentId, mirror }: WorkerScene,
  images: Awaited<ReturnType<typeof imagesOf>>,
): Promise<void> {
  const swift = new Swift(session, REGION);
  const text = async (path: string) => {
    const object = await swift.get(contentId, `data/streams/v1/${path}`);
    return object?.bytes.toString('utf8') ?? '';
  };
  const index = JSON.parse(await text('index.json')) as { index: Record<string, unknown> };
  expect(index.index[contentId]).toMatchObject({
    path: `streams/v1/${contentId}.json`,
    products: [...new Set(images.map(({ properties }) => properties.product_name))].sort(),
  });
  const published = readPublished(await text(`${contentId}.json`)).map(
    ({ product, version, item, data }) => ({
      identity: `${product} ${version} ${item}`,
      id: data.get('id'),
      size: Number(data.get('size')),
      md5: data.get('md5'),
      sha256: data.get('sha256'),
    }),
  );
  const held = await Promise.all(
    images.map(async ({ id, size, checksum, properties }) => {
      const { product_name: product = '', version_name: version = '', item_name: item = '' } = properties;
      const sha256 = await digestOf(join(mirror.root, mirror.file(product, version, item)), 'sha256');
      return { identity: `${product} ${version} ${item}`, id, size, md5: checksum, sha256 };
    }),
  );
  expect(inOrder(published)).toEqual(inOrder(held));
}

async function publishes({ bench }: WorkerScene): Promise<boolean> {
  const { clouds } = JSON.parse(await readFile(bench.configFile, 'utf8')) as {
    clouds: { publish: unknown }[];
  };
  return clouds[0]?.publish !== 'none';
}

async function factOf({ mirror }: WorkerScene, { product, version, item, size }: MirrorItem): Promise<Fact> {
  const md5 = await digestOf(join(mirror.root, mirror.file(product, version, item)), 'md5');
  return { identity: `${product} ${version} ${item ?? 'disk1.img'}`, size, md5 };
}

async function digestOf(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function inOrder<T extends { identity: string }>(values: T[]): T[] {
  return [...values].sort((a, b) => (a.identity < b.identity ? -1 : 1));
}
