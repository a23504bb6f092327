// Prints the public product-streams endpoint that the catalogue of a cloud has: what Juju would use.
import { loadCloud, Session } from '../../dist/openstack/index.js';

const session = new Session(await loadCloud(process.argv[2]));
try {
  await session.authenticate();
  process.stdout.write(`${session.endpoint('product-streams', session.config.regionName, 'public')}\n`);
} finally {
  await session.close();
}
