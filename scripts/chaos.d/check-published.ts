import { KeystoneAdmin, Swift, type GlanceImage, type Session } from '../../openstack/index.js';
import { readPublished } from '../../simplestreams/index.js';
import { jujuImages } from '../../test/support/juju.js';
import { identityOf } from './changing-mirror.js';
import { imageIdentity } from './glance-watch.js';
import { groupBy } from './group-by.js';
import { REGION } from './place.js';

/** What is wrong with the stream that anybody can read, compared with what Glance holds. */
export async function brokenStream(
  session: Session,
  container: string,
  contentId: string,
  images: readonly GlanceImage[],
): Promise<string[]> {
  const source = await new Swift(session, REGION).publicUrl(container, 'data');
  const answer = await fetch(`${source}/streams/v1/${contentId}.json`);
  if (answer.status !== 200) return [`the products document answers ${answer.status}`];
  const published = readPublished(await answer.text());
  const listed = published.map(({ product, version, item, data }) => {
    const place = data.get('region') === REGION ? '' : ` in ${data.get('region')}`;
    const facts = `${data.get('size')} ${data.get('md5')}${place}`;
    return `${identityOf({ product, version, item })} ${data.get('id')} ${facts}`;
  });
  const held = images.map((image) => `${imageIdentity(image)} ${image.id} ${image.size} ${image.checksum}`);
  return [
    ...missing(held, listed).map((line) => `published nowhere: ${line}`),
    ...missing(listed, held).map((line) => `published and not in Glance: ${line}`),
    ...(await brokenForJuju(session, source, images)),
  ];
}

/** As a reader of its own: each product's images, newest first, found by way of the index. */
async function brokenForJuju(
  session: Session,
  source: string,
  images: readonly GlanceImage[],
): Promise<string[]> {
  const broken: string[] = [];
  const products = groupBy(images, ({ properties }) => properties.product_name ?? '');
  for (const [product, held] of products) {
    const [, , version = '', arch = ''] = product.split(':');
    const wish = { region: REGION, endpoint: session.config.authUrl, version, arch };
    const wanted = held
      .sort((a, b) => ((a.properties.version_name ?? '') < (b.properties.version_name ?? '') ? 1 : -1))
      .map(({ id }) => id);
    const found = await jujuImages(source, wish).catch((error: unknown) => [String(error)]);
    if (found.join() !== wanted.join())
      broken.push(`Juju finds ${found.join() || 'nothing'} for ${product} and not ${wanted.join()}`);
  }
  return broken;
}

/** The endpoint of our container: once for each interface. */
export async function brokenEndpoints(session: Session, container: string): Promise<string[]> {
  const url = await new Swift(session, REGION).publicUrl(container, 'data');
  const admin = new KeystoneAdmin(session);
  const services = await admin.listServices({ type: 'product-streams' });
  const broken =
    services.length === 1 ? [] : [`there are ${services.length} services of type product-streams`];
  const registered: string[] = [];
  for (const { id } of services)
    for (const endpoint of await admin.listEndpoints({ serviceId: id, region: REGION }))
      if (endpoint.url === url && endpoint.enabled) registered.push(endpoint.interface);
  if (registered.sort().join() !== 'admin,internal,public')
    broken.push(`the endpoint is registered for: ${registered.join() || 'nothing'}`);
  return broken;
}

function missing(wanted: readonly string[], there: readonly string[]): string[] {
  const known = new Set(there);
  return wanted.filter((line) => !known.has(line));
}
