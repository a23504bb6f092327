import { z } from 'zod';

/**
 * How Juju finds an image in the source that a `product-streams` endpoint names, written down from its behaviour (the OpenStack
 * reference §2 and §2b) and sharing no line with what it checks. Throws where Juju would fail or leave the outcome to chance.
 */
export interface Wish {
  region: string;
  /** The auth URL as the user of Juju typed it. */
  endpoint: string;
  /** 24.04 */
  version: string;
  /** amd64 */
  arch: string;
}

const indexSchema = z.object({
  format: z.literal('index:1.0'),
  index: z.record(
    z.string(),
    z.object({
      format: z.string(),
      datatype: z.string().optional(),
      path: z.string(),
      clouds: z.array(z.object({ region: z.string(), endpoint: z.string() })).optional(),
      products: z.array(z.string()).optional(),
    }),
  ),
});

/** A number in a field that is a string there makes Juju refuse the document; `size` it does not read. */
const fields = {
  arch: z.string().optional(),
  version: z.string().optional(),
  region: z.string().optional(),
  virt: z.string().nullish(),
  root_store: z.string().optional(),
};
const productsSchema = z.object({
  format: z.literal('products:1.0'),
  content_id: z.string(),
  ...fields,
  products: z.record(
    z.string(),
    z.object({
      ...fields,
      versions: z.record(
        z.string(),
        z.object({
          ...fields,
          items: z.record(
            z.string(),
            z.object({ ...fields, id: z.string(), endpoint: z.string().optional() }),
          ),
        }),
      ),
    }),
  ),
});

async function get(url: string): Promise<unknown> {
  const answer = await fetch(url);
  if (answer.status === 404 || answer.status === 401) {
    await answer.body?.cancel();
    return undefined;
  }
  if (answer.status !== 200) throw new Error(`Juju gives up: ${url} answers ${answer.status}`);
  return answer.json();
}

/** The ids of the images that Juju would take, newest version first. */
export async function jujuImages(source: string, wish: Wish): Promise<string[]> {
  for (const name of ['index2.sjson', 'index.sjson', 'index2.json', 'mirrors.json']) {
    if ((await get(`${source}/streams/v1/${name}`)) !== undefined)
      throw new Error(`${name} hides index.json`);
  }
  const { index } = indexSchema.parse(await get(`${source}/streams/v1/index.json`));
  const product = `com.ubuntu.cloud:server:${wish.version}:${wish.arch}`;
  const fitting = Object.values(index).filter(
    ({ datatype, clouds, products }) =>
      datatype === 'image-ids' &&
      (clouds === undefined || clouds.some((cloud) => sameCloud(cloud, wish))) &&
      (products ?? []).includes(product),
  );
  if (fitting.length > 1) throw new Error(`Juju would take one of ${fitting.length} documents by chance`);
  const [entry] = fitting;
  return entry ? imagesIn(productsSchema.parse(await get(`${source}/${entry.path}`)), product, wish) : [];
}

function sameCloud(cloud: { region: string; endpoint: string }, wish: Wish): boolean {
  const region = (name: string) => name.toLowerCase().replaceAll(' ', '');
  const endpoint = (url: string) => (url.endsWith('/') ? url : `${url}/`);
  return region(cloud.region) === region(wish.region) && endpoint(cloud.endpoint) === endpoint(wish.endpoint);
}

function imagesIn(document: z.infer<typeof productsSchema>, id: string, wish: Wish): string[] {
  const product = document.products[id];
  const versions = Object.entries(product?.versions ?? {}).sort(([a], [b]) => (a < b ? 1 : -1));
  const taken = new Map<string, string>();
  const virts = new Set<string>();
  for (const [name, version] of versions) {
    const found: string[] = [];
    for (const item of Object.values(version.items)) {
      const whole = { ...document, ...product, ...version, ...item };
      if (whole.region !== wish.region || whole.arch !== wish.arch || whole.version !== wish.version)
        continue;
      virts.add(whole.virt ?? '');
      found.push(item.id);
      taken.set(`${name} ${whole.virt ?? ''}`, item.id);
    }
    if (found.length > 1) throw new Error(`Juju would take the smallest of ${found.length} ids of ${name}`);
  }
  if (virts.size > 1) throw new Error(`Juju may take an old version: virt is ${[...virts].join()}`);
  return [...taken.values()];
}
