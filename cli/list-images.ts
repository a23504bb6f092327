import type { CloudSettings, Configuration } from '../config/index.js';
import { ImageStreamError } from '../contracts/errors.js';
import { Glance, Session, loadCloud } from '../openstack/index.js';
import { contentIdFor } from '../targets/content-id.js';
import { inventoryImage } from '../targets/glance/inventory.js';
import { errorReport, type ErrorReport } from './report-error.js';

export interface ListedImage {
  cloud: string;
  region: string;
  id: string;
  name: string;
  status: string;
  visibility: string;
  product: string;
  version: string;
  item: string;
  /** Bytes; null until Glance has them. */
  size: number | null;
  contentId: string;
  /** The mirror that brought it, or `adopted` where another tool did. */
  mirror: string;
}

export interface RegionProblem extends ErrorReport {
  cloud: string;
  region: string;
}

export interface ImageChoice {
  cloud?: string | undefined;
  region?: string | undefined;
  mirror?: string | undefined;
}

export interface ImageListing {
  images: ListedImage[];
  /** Regions, or whole clouds (empty region), that could not be asked. */
  problems: RegionProblem[];
}

/** The images that mirrors of the configuration hold, region by region; one that does not answer keeps no other from being listed. */
export async function listImages(
  configuration: Configuration,
  choice: ImageChoice,
  env: NodeJS.ProcessEnv,
  onWarning: (text: string) => void,
): Promise<ImageListing> {
  const mirrors = configuration.mirrors.filter(
    ({ name }) => choice.mirror === undefined || name === choice.mirror,
  );
  const clouds = configuration.clouds.filter(
    ({ name }) => choice.cloud === undefined || name === choice.cloud,
  );
  const listings = await Promise.all(
    clouds.map(async (cloud): Promise<ImageListing> => {
      const ours = mirrors.filter((mirror) => mirror.clouds.includes(cloud.name));
      if (ours.length === 0) return { images: [], problems: [] };
      try {
        const session = new Session(await loadCloud(cloud.name, { env }), { onWarning });
        try {
          return await listCloud(session, cloud, ours, choice);
        } finally {
          await session.close();
        }
      } catch (error) {
        return { images: [], problems: [{ cloud: cloud.name, region: '', ...errorReport(error) }] };
      }
    }),
  );
  return {
    images: listings.flatMap(({ images }) => images),
    problems: listings.flatMap(({ problems }) => problems),
  };
}

type Mirrors = Configuration['mirrors'];

async function listCloud(
  session: Session,
  cloud: CloudSettings,
  mirrors: Mirrors,
  choice: ImageChoice,
): Promise<ImageListing> {
  const { projectId } = await session.identity();
  const known = await session.knownRegions();
  if (choice.region !== undefined && !known.includes(choice.region)) {
    throw new ImageStreamError(
      'RegionUnknown',
      `The cloud ${cloud.name} has no region ${choice.region}; it has ${known.join(', ') || 'none'}`,
    );
  }
  const regions = choice.region === undefined ? (cloud.regions ?? session.regions('image')) : [choice.region];
  const images: ListedImage[] = [];
  const problems: RegionProblem[] = [];
  await Promise.all(
    regions.map(async (region) => {
      try {
        images.push(
          ...(await listRegion(new Glance(session, region), cloud.name, region, projectId, mirrors, choice)),
        );
      } catch (error) {
        problems.push({ cloud: cloud.name, region, ...errorReport(error) });
      }
    }),
  );
  return { images: images.sort(byIdentity), problems };
}

async function listRegion(
  glance: Glance,
  cloud: string,
  region: string,
  owner: string,
  mirrors: Mirrors,
  { mirror: only }: ImageChoice,
): Promise<ListedImage[]> {
  const names = new Set(mirrors.map(({ name }) => name));
  const images: ListedImage[] = [];
  for (const contentId of new Set(mirrors.map((mirror) => contentIdFor(mirror, region)))) {
    for await (const image of glance.list({ owner, properties: { content_id: contentId } })) {
      const known = inventoryImage(image, contentId);
      if (!known) continue;
      // Which mirror adopted an image is said by that mirror's documents only: asked for one mirror, only its own are sure.
      if (known.mirror === undefined ? only !== undefined : !names.has(known.mirror)) continue;
      const { id, name, status, visibility, product, version, item, size = null, mirror = 'adopted' } = known;
      images.push({
        cloud,
        region,
        id,
        name,
        status,
        visibility,
        product,
        version,
        item,
        size,
        contentId,
        mirror,
      });
    }
  }
  return images;
}

function byIdentity(one: ListedImage, other: ListedImage): number {
  const key = ({ region, product, version, item, id }: ListedImage) =>
    [region, product, version, item, id].join('\0');
  return key(one) < key(other) ? -1 : 1;
}
