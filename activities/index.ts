import type { Activities } from '../contracts/activities.js';
import { awaitServices } from './await-services.js';
import { claimStaging } from './claim-staging.js';
import { compareMetadata } from './compare-metadata.js';
import type { Dependencies } from './dependencies.js';
import { withFailures } from './failure.js';
import { fetchIndex } from './fetch-index.js';
import { finaliseImage, removeImages } from './glance.js';
import { loadMirror } from './load-mirror.js';
import { planSync } from './plan-sync.js';
import { probeRights } from './probe-rights.js';
import { publishIndex, publishProducts } from './publish.js';
import { recordSource } from './record-source.js';
import { registerEndpoints } from './register-endpoints.js';
import { requestPublish } from './request-publish.js';
import { resolveRegions } from './resolve-regions.js';
import { stagingAlive } from './staging-alive.js';
import { downloadImage, syncSmallItem, uploadImage, verifyChecksum } from './transfer.js';
import { verifyIndex } from './verify-index.js';

export type { Dependencies } from './dependencies.js';
export { Clouds } from './clouds.js';
export { Directories } from './directories.js';
export { Documents } from './documents.js';
export { MirrorSources } from './mirror-sources.js';
export { StateMarks } from './state-marks.js';

/** All activities over one set of dependencies. `onUnknown` hears of errors that carry no code. */
export function createActivities(
  dependencies: Dependencies,
  onUnknown: (error: unknown) => void,
): Activities {
  return withFailures<Activities>(
    {
      loadMirror: loadMirror(dependencies),
      resolveRegions: resolveRegions(dependencies),
      fetchIndex: fetchIndex(dependencies),
      verifyIndex: verifyIndex(dependencies),
      awaitServices: awaitServices(dependencies),
      probeRights: probeRights(dependencies),
      planSync: planSync(dependencies),
      compareMetadata: compareMetadata(dependencies),
      claimStaging: claimStaging(dependencies),
      stagingAlive: stagingAlive(dependencies),
      downloadImage: downloadImage(dependencies),
      verifyChecksum: verifyChecksum(dependencies),
      uploadImage: uploadImage(dependencies),
      finaliseImage: finaliseImage(dependencies),
      syncSmallItem: syncSmallItem(dependencies),
      removeImages: removeImages(dependencies),
      requestPublish: requestPublish(dependencies),
      publishProducts: publishProducts(dependencies),
      publishIndex: publishIndex(dependencies),
      registerEndpoints: registerEndpoints(dependencies),
      recordSource: recordSource(dependencies),
    },
    onUnknown,
  );
}
