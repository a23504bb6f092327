// node cloud.mjs check|streams CLOUD
// check: says in one line, with the command's own codes and exit statuses, why a cloud of clouds.yaml cannot be used.
// streams: `advertised URL` for each address that the catalogue has for product-streams (what Juju would use); where there is
// none, `published URL` of where syncs write by default.
import { processIo } from '../../dist/cli/io.js';
import { reportError } from '../../dist/cli/report-error.js';
import { loadCloud, Session, Swift } from '../../dist/openstack/index.js';

const [what, name] = process.argv.slice(2);

async function streams(session) {
  const advertised = session.regions('product-streams');
  if (advertised.length > 0) {
    const urls = advertised.map((region) => session.endpoint('product-streams', region, 'public'));
    return urls.map((url) => `advertised ${url}`);
  }
  const regions = session.regions('object-store');
  const urls = regions.map((region) => new Swift(session, region).publicUrl('simplestreams', 'data'));
  return (await Promise.all(urls)).map((url) => `published ${url}`);
}

async function main() {
  const session = new Session(await loadCloud(name));
  try {
    await session.authenticate();
    if (what === 'streams') console.log([...new Set(await streams(session))].join('\n'));
    return 0;
  } finally {
    await session.close();
  }
}

process.exitCode = await main().catch((error) =>
  reportError(error, processIo(), { debug: false, json: false }),
);
