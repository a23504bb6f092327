import type { Activities } from '../contracts/activities.js';
import { ImageStreamError } from '../contracts/errors.js';
import { workflowId } from '../contracts/ids.js';
import type { Dependencies } from './dependencies.js';

/** Signs in to a cloud and lists the regions to sync: those configured, else every one with an image endpoint. */
export function resolveRegions({
  settings,
  clouds,
  directories,
}: Dependencies): Activities['resolveRegions'] {
  return async ({ run, cloud, parentId }) => {
    const { directory } = await settings.ofRun(run);
    if (directory) {
      const { root } = (await directories.reopen(directory.path)).folder;
      const region = root.replace(/^\//, '');
      return {
        fingerprint: { authUrl: 'file:', projectId: root },
        regions: [{ region, workflowId: workflowId.syncRegion(parentId, cloud, region) }],
      };
    }
    const { session, fingerprint } = await clouds.open(cloud);
    const wanted = settings.cloud(cloud).regions;
    const known = await session.knownRegions();
    const unknown = (wanted ?? []).filter((region) => !known.includes(region));
    if (unknown.length > 0) {
      throw new ImageStreamError(
        'RegionUnknown',
        `The cloud ${cloud} has no region ${unknown.join(', ')}; it has ${known.join(', ') || 'none'}`,
      );
    }
    const regions = wanted ?? session.regions('image');
    if (regions.length === 0) {
      throw new ImageStreamError(
        'ServicesUnavailable',
        `No region of ${cloud} has an image endpoint in the catalogue`,
      );
    }
    return {
      fingerprint,
      regions: regions.map((region) => ({
        region,
        workflowId: workflowId.syncRegion(parentId, cloud, region),
      })),
    };
  };
}
