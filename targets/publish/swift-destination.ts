import { ImageStreamError, judgedAs } from '../../contracts/errors.js';
import type { Swift } from '../../openstack/index.js';
import type { Destination } from './destination.js';

/** Anybody may read objects and listings: that is what clients without credentials do. */
const PUBLIC_READ = '.r:*,.rlistings';

/** A container of Swift; the prefix is `data/` for the place where Juju's `/simplestreams/data` leads. */
export async function swiftDestination(
  swift: Swift,
  container: string,
  prefix: string,
): Promise<Destination> {
  const clean = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  const url = await swift.publicUrl(container);
  return {
    key: `swift:${await swift.accountUrl('public')}/${container}/${clean}`,
    publicUrl: `${url}/${clean}`.replace(/\/+$/, ''),
    async unprepared() {
      const state = await swift.compareContainer(container, { readAcl: PUBLIC_READ });
      if (state === 'same') return undefined;
      const why =
        state === 'missing'
          ? 'is not there'
          : `cannot be read by everybody: its read ACL is not ${PUBLIC_READ}`;
      return { kind: 'container', what: container, state, why };
    },
    async prepare() {
      await swift.ensureContainer(container, { readAcl: PUBLIC_READ });
    },
    async read(path) {
      const object = await swift.get(container, clean + path);
      return object?.bytes.toString('utf8');
    },
    async write(path, text) {
      const bytes = Buffer.from(text, 'utf8');
      try {
        await swift.put(container, clean + path, bytes, { contentType: 'application/json' });
      } catch (error) {
        // The next attempt begins with what is there, and makes the container again.
        const gone = error instanceof ImageStreamError && error.code === 'NotFound';
        throw gone ? judgedAs(error, true, `The container ${container} was deleted meanwhile`) : error;
      }
    },
  };
}
