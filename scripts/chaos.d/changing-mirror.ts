import { createCipheriv, createHash } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeSigner, ubuntuProduct } from '../../test/support/small-mirror.js';
import { seeded, type Random } from './random.js';

const MIB = 1024 * 1024;

/** One product whose images are handled in one step, the others in steps of their own. */
const PRODUCTS = [
  { name: ubuntuProduct('24.04'), size: 24 * MIB },
  { name: ubuntuProduct('22.04'), size: 12 * MIB },
  { name: ubuntuProduct('22.04', 'arm64'), size: 6 * MIB },
  { name: ubuntuProduct('20.04', 'arm64'), size: 300_000 },
];

const ITEM = 'disk1.img';
/** Versions of a product that the mirror has at most, and those of them that the configuration wants. */
const OFFERED = 3;
export const WANTED = 2;

export interface Version {
  product: string;
  version: string;
  item: string;
  path: string;
  size: number;
  md5: string;
  sha256: string;
  sha512: string;
}

/** `product version item`, by which images are matched with what the mirror has. */
export function identityOf({
  product,
  version,
  item,
}: Pick<Version, 'product' | 'version' | 'item'>): string {
  return `${product} ${version} ${item}`;
}

/** A signed mirror on the disk to which versions come and of which they go, all by a seed. */
export class ChangingMirror {
  readonly contentId = 'com.ubuntu.cloud:released:download';
  readonly indexPath = 'streams/v1/index.sjson';
  /** All SHA-512 that an identity ever had: what an image of it may hold at some time. */
  readonly everOffered = new Map<string, Set<string>>();
  changes = 0;
  readonly #seed: number;
  readonly #random: Random;
  readonly #offered = new Map<string, Version[]>();
  #serial = 0;

  private constructor(
    readonly root: string,
    readonly keyring: string,
    seed: number,
    private readonly sign: (text: string) => Promise<string>,
  ) {
    this.#seed = seed;
    this.#random = seeded(seed, 'mirror');
  }

  static async make(root: string, keyring: string, seed: number): Promise<ChangingMirror> {
    const mirror = new ChangingMirror(root, keyring, seed, await makeSigner(keyring));
    for (const { name } of PRODUCTS) {
      mirror.#offered.set(name, []);
      for (let n = 0; n < WANTED; n += 1) await mirror.#add(name);
    }
    await mirror.#publish();
    return mirror;
  }

  /** The versions that a sync shall bring and keep. */
  wanted(): Version[] {
    return [...this.#offered.values()].flatMap((versions) => versions.slice(-WANTED));
  }

  /** One change of those that real mirrors see; says which. */
  async change(): Promise<string> {
    this.changes += 1;
    const product = this.#random.pick(PRODUCTS).name;
    const versions = this.#offered.get(product) ?? [];
    const newest = versions.at(-1);
    const chance = this.#random.next();
    if (chance < 0.15 && newest) {
      // Bytes replaced under the same name: the respin that no mirror should do, and some do.
      Object.assign(newest, await this.#content(product, newest.version, newest.path));
      await this.#publish();
      return `other bytes for ${identityOf(newest)}`;
    }
    if (chance < 0.3 && newest && versions.length > 1) {
      versions.pop();
      await this.#publish();
      await rm(join(this.root, newest.path));
      return `withdrawn: ${identityOf(newest)}`;
    }
    const added = await this.#add(product);
    const gone = versions.length > OFFERED ? versions.shift() : undefined;
    await this.#publish();
    if (gone) await rm(join(this.root, gone.path));
    return `new: ${identityOf(added)}${gone ? `; gone: ${gone.version}` : ''}`;
  }

  async #add(product: string): Promise<Version> {
    this.#serial += 1;
    const version = `2026${String(this.#serial).padStart(4, '0')}`;
    const path = `files/${product.replaceAll(':', '_')}/${version}/${ITEM}`;
    const added = { product, version, item: ITEM, path, ...(await this.#content(product, version, path)) };
    this.#offered.get(product)?.push(added);
    return added;
  }

  async #content(product: string, version: string, path: string) {
    const size = PRODUCTS.find(({ name }) => name === product)?.size ?? MIB;
    const key = createHash('sha256').update(`${this.#seed} ${path} ${this.changes}`).digest();
    const content = createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
    await put(join(this.root, path), content);
    const hex = (algorithm: string) => createHash(algorithm).update(content).digest('hex');
    const digests = { size, md5: hex('md5'), sha256: hex('sha256'), sha512: hex('sha512') };
    const identity = identityOf({ product, version, item: ITEM });
    this.everOffered.set(identity, (this.everOffered.get(identity) ?? new Set()).add(digests.sha512));
    return digests;
  }

  async #publish(): Promise<void> {
    const products = Object.fromEntries(
      [...this.#offered].map(([product, versions]) => [product, { versions: versionsOf(product, versions) }]),
    );
    const format = 'products:1.0';
    const datatype = 'image-downloads';
    const path = `streams/v1/${this.contentId}.sjson`;
    const document = { format, content_id: this.contentId, datatype, products };
    const entry = { path, format, datatype, products: Object.keys(products) };
    const index = { format: 'index:1.0', index: { [this.contentId]: entry } };
    await put(join(this.root, path), await this.sign(JSON.stringify(document, null, 1)));
    await put(join(this.root, this.indexPath), await this.sign(JSON.stringify(index, null, 1)));
  }
}

function versionsOf(product: string, versions: readonly Version[]): Record<string, unknown> {
  const [, , release = '', arch = ''] = product.split(':');
  return Object.fromEntries(
    versions.map(({ version, path, size, md5, sha256 }) => {
      const pubname = `ubuntu-${release}-${arch}-server-${version}`;
      const item = { ftype: ITEM, path, size, md5, sha256, pubname, os: 'ubuntu', version: release, arch };
      return [version, { items: { [ITEM]: { ...item, release: `r${release}` } } }];
    }),
  );
}

/** In one step, so that nobody is served half of it. */
async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}
