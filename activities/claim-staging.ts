import type { Activities } from '../contracts/activities.js';
import type { Dependencies } from './dependencies.js';

/** Answers with the staging folder of the host that took this: the image's next steps run where it is. */
export function claimStaging({ staging }: Dependencies): Activities['claimStaging'] {
  return async () => ({ stagingId: staging.id });
}
