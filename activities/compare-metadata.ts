import type { Activities } from '../contracts/activities.js';
import type { MetadataDifference, TargetRef } from '../contracts/sync.js';
import { printableUrl } from '../contracts/urls.js';
import { contentIdFor } from '../targets/content-id.js';
import { auditImages } from '../targets/audit.js';
import { compareIndex, compareProducts, regionsIn } from '../targets/publish/compare-documents.js';
import { INDEX_PATH, productsPath } from '../targets/publish/documents.js';
import { publishedImages } from '../targets/publish/published-images.js';
import type { Dependencies } from './dependencies.js';
import { beating } from './heartbeat.js';
import { listInventory } from './inventory.js';
import { SERVICE, unadvertised, wantedEndpoints } from './product-streams.js';
import { destinationOf, endpointsOf } from './publish.js';
import { readItems } from './source-items.js';

/** Differences that a result carries. */
const LISTED = 200;

/** Compares what is published and advertised with what a sync would publish and advertise of the images that are there now. */
export function compareMetadata(dependencies: Dependencies): Activities['compareMetadata'] {
  const { settings, clouds, documents } = dependencies;
  return async ({ run, target, documents: refs, pending, audit }) => {
    const mirror = await settings.ofRun(run);
    return beating(
      () => ({ stage: 'compare' }),
      async (signal) => {
        const { cloud, region, fingerprint } = target;
        const empty = { images: 0, publicUrl: '', differences: [], differenceCount: 0, notes: [] };
        if (mirror.directory) return empty;
        const contentId = contentIdFor(mirror, region);
        const images = await listInventory(clouds, target, contentId, signal);
        const place = { region, endpoint: fingerprint.authUrl, owner: fingerprint.projectId };
        const items = publishedImages(images, place);
        const destination = await destinationOf(dependencies, target, { create: false });
        if (!destination) return empty;

        const index = await destination.read(INDEX_PATH);
        const published = await destination.read(productsPath(contentId));
        const { wanted, difference } = compareProducts(published, contentId, region, items, index);
        if (wanted === undefined && !pending) return empty;

        const differences: (MetadataDifference | undefined)[] = [await destination.unprepared()];
        if (wanted === undefined) {
          differences.push(...notYet(productsPath(contentId), index));
        } else {
          const endpoints = await endpointsOf(dependencies, target);
          const { cloudName } = settings.cloud(cloud);
          differences.push(difference);
          differences.push(compareIndex(index, contentId, region, wanted, { cloudName, endpoints }));
        }
        differences.push(...(await endpointDifferences(dependencies, target, destination.publicUrl)));
        if (audit) {
          const source = await readItems(documents, mirror, refs, signal);
          differences.push(
            ...auditImages({ mirror: mirror.name, region, images, items: source.items, published }),
          );
        }
        const found = differences.filter((one) => one !== undefined);
        return {
          images: items.length,
          publicUrl: destination.publicUrl,
          differences: found.slice(0, LISTED),
          differenceCount: found.length,
          notes: await regionNotes(dependencies, target, published),
        };
      },
    );
  };
}

/** Documents that the first images will bring. */
function notYet(products: string, index: string | undefined): MetadataDifference[] {
  const missing = { state: 'missing', why: 'is not there yet' } as const;
  return [
    { kind: 'products', what: products, ...missing },
    ...(index === undefined ? [{ kind: 'index', what: INDEX_PATH, ...missing } as const] : []),
  ];
}

async function endpointDifferences(
  { settings, clouds }: Dependencies,
  target: TargetRef,
  publicUrl: string,
): Promise<MetadataDifference[]> {
  const { publish, advertise } = settings.cloud(target.cloud);
  if (!advertise || publish.to !== 'swift') return [];
  const session = await clouds.ofTarget(target);
  // The catalogue is as old as the token, and somebody may have changed it since.
  await session.authenticate();
  const wanted = await wantedEndpoints(await clouds.swift(target), publicUrl);
  return unadvertised(await session.catalogue(), target.region, wanted).map(({ kind, url, instead }) => {
    const what = `${SERVICE.type} ${kind}`;
    if (instead.length === 0) {
      return {
        kind: 'endpoint',
        what,
        state: 'missing',
        why: `is not in the catalogue: ${printableUrl(url)}`,
      };
    }
    const where = instead.map(printableUrl).join(', ');
    return {
      kind: 'endpoint',
      what,
      state: 'differs',
      why: `leads to ${where} and not to ${printableUrl(url)}`,
    };
  });
}

/** Regions that nobody of this configuration keeps in step any more: what is published of them stays, and is said. */
async function regionNotes(
  { settings, clouds }: Dependencies,
  target: TargetRef,
  published: string | undefined,
): Promise<string[]> {
  const { configuration } = settings;
  const others = configuration.clouds.filter(({ name }) => name !== target.cloud);
  // A cloud that is synced with all its regions may have any name for one.
  if (others.some(({ regions }) => regions === undefined)) return [];
  const session = await clouds.ofTarget(target);
  const own = settings.cloud(target.cloud).regions ?? session.regions('image');
  const kept = new Set([...own, ...others.flatMap(({ regions }) => regions ?? [])]);
  return [...regionsIn(published)]
    .filter(([region]) => !kept.has(region))
    .map(
      ([region, count]) =>
        `${count} published images are of ${region || 'no region'}, which this configuration does not sync; they stay`,
    );
}
