import type { Activities } from '../contracts/activities.js';
import { ImageStreamError } from '../contracts/errors.js';
import { DIRECTORY } from '../contracts/names.js';
import type { TargetRef } from '../contracts/sync.js';
import { streamTimestamp } from '../simplestreams/index.js';
import { contentIdFor } from '../targets/content-id.js';
import { authUrlForms } from '../targets/publish/auth-urls.js';
import type { Destination } from '../targets/publish/destination.js';
import { directoryDestination } from '../targets/publish/directory-destination.js';
import { INDEX_PATH, mergedIndex, mergedProducts, productsPath } from '../targets/publish/documents.js';
import { parseMark } from '../targets/source-mark.js';
import { publishedImages } from '../targets/publish/published-images.js';
import { swiftDestination } from '../targets/publish/swift-destination.js';
import type { Dependencies } from './dependencies.js';
import { beating } from './heartbeat.js';
import { listInventory } from './inventory.js';

/** Where a cloud's metadata goes; undefined when it is not published. `create`: whether a folder may be made. */
export async function destinationOf(
  { settings, clouds }: Dependencies,
  target: TargetRef,
  { create = true }: { create?: boolean } = {},
): Promise<Destination | undefined> {
  if (target.cloud === DIRECTORY) return undefined;
  const { publish } = settings.cloud(target.cloud);
  if (publish.to === 'none') return undefined;
  if (publish.to === 'directory') return directoryDestination(publish.path, { create });
  return swiftDestination(await clouds.swift(target), publish.container, publish.prefix);
}

async function requiredDestination(dependencies: Dependencies, target: TargetRef): Promise<Destination> {
  const destination = await destinationOf(dependencies, target);
  if (destination) return destination;
  throw new ImageStreamError(
    'ConfigurationDiffers',
    `The cloud ${target.cloud} publishes nothing by this worker's configuration`,
  );
}

/** Writes the products document of a content id from what Glance holds now, if it differs from what is there. */
export function publishProducts(dependencies: Dependencies): Activities['publishProducts'] {
  return async ({ run, target }) => {
    const mirror = await dependencies.settings.ofRun(run);
    return beating(
      () => ({ stage: 'publish' }),
      async (signal) => {
        const destination = await requiredDestination(dependencies, target);
        const contentId = contentIdFor(mirror, target.region);
        const images = await listInventory(dependencies.clouds, target, contentId, signal);
        const { authUrl, projectId } = target.fingerprint;
        const items = publishedImages(images, { region: target.region, endpoint: authUrl, owner: projectId });
        const existing = await destination.read(productsPath(contentId));
        if (items.length === 0 && existing === undefined) {
          return { products: 'none', index: 'none', images: 0, publicUrl: '' };
        }
        const text = mergedProducts(existing, contentId, target.region, items, streamTimestamp(new Date()));
        // Also where nothing is written: somebody may have closed the place to readers.
        await destination.prepare();
        if (text !== undefined) await destination.write(productsPath(contentId), text);
        const products = text === undefined ? 'unchanged' : 'written';
        return { products, index: 'none', images: items.length, publicUrl: destination.publicUrl };
      },
    );
  };
}

/** Puts the entry of the products document into the index: after it, so that the index never names what is not there. */
export function publishIndex(dependencies: Dependencies): Activities['publishIndex'] {
  return async ({ run, target, mark }) => {
    const mirror = await dependencies.settings.ofRun(run);
    return beating(
      () => ({ stage: 'publish' }),
      async () => {
        const destination = await requiredDestination(dependencies, target);
        const contentId = contentIdFor(mirror, target.region);
        const products = await destination.read(productsPath(contentId));
        if (products === undefined) return { products: 'none', index: 'none', images: 0, publicUrl: '' };
        const text = mergedIndex(await destination.read(INDEX_PATH), contentId, target.region, products, {
          cloudName: dependencies.settings.cloud(target.cloud).cloudName,
          endpoints: await endpointsOf(dependencies, target),
          ...(mark === undefined ? {} : { mark: { mirror: mirror.name, mark: parseMark(mark) } }),
        });
        if (text !== undefined) await destination.write(INDEX_PATH, text);
        const index = text === undefined ? 'unchanged' : 'written';
        return { products: 'unchanged', index, images: 0, publicUrl: destination.publicUrl };
      },
    );
  };
}

/** The auth URLs by which clients may know the cloud. */
export async function endpointsOf({ clouds, settings }: Dependencies, target: TargetRef): Promise<string[]> {
  const session = await clouds.ofTarget(target);
  const catalogue = await session.catalogue();
  const keystone = catalogue.services
    .filter(({ type }) => type === 'identity')
    .flatMap(({ endpoints }) => endpoints)
    .filter((endpoint) => endpoint.interface === 'public' || endpoint.interface === 'internal')
    .map(({ url }) => url);
  return authUrlForms([target.fingerprint.authUrl, ...keystone, ...settings.cloud(target.cloud).authUrls]);
}
