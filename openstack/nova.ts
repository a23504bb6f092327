import { z } from 'zod';
import { ImageStreamError } from '../contracts/errors.js';
import type { Session } from './session.js';

const serversSchema = z.object({
  servers: z.array(z.object({ image: z.union([z.object({ id: z.string() }), z.string(), z.null()]) })),
});

/** Nova's Compute API v2.1 in one region, as far as images are concerned. */
export class Nova {
  readonly #session: Session;
  readonly #region: string | undefined;

  constructor(session: Session, region?: string) {
    this.#session = session;
    this.#region = region;
  }

  /**
   * Whether a server of any project was made from an image (`GET /servers/detail?all_tenants=1&image=…`). A server that boots from
   * a volume has no image and is not one of them.
   * @throws {ImageStreamError} ServicesUnavailable, RegionUnknown where there is no compute service, Forbidden for who may not see
   *   the servers of others, CloudError, CloudUnreachable
   */
  async uses(imageId: string, signal?: AbortSignal): Promise<boolean> {
    await this.#session.catalogue(signal);
    const root = this.#session.endpoint('compute', this.#region).replace(/\/+$/, '');
    const query = new URLSearchParams({ all_tenants: '1', image: imageId, limit: '1' });
    const answer = await this.#session.request({
      action: 'compute',
      service: 'Nova',
      method: 'GET',
      url: `${root}/servers/detail?${query.toString()}`,
      purpose: 'see which servers use an image',
      signal,
    });
    const { servers } = answer.json(serversSchema);
    const [first] = servers;
    if (first === undefined) return false;
    if (typeof first.image === 'object' && first.image?.id === imageId) return true;
    throw new ImageStreamError('CloudError', 'Nova does not filter its servers by image', {
      retryable: false,
    });
  }
}
