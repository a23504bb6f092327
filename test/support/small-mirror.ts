import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createCleartextMessage, generateKey, readPrivateKey, sign } from 'openpgp';

export interface MirrorItem {
  product: string;
  version: string;
  item?: string;
  /** Bytes of random content. */
  size: number;
  /** More fields of the item, or others instead of the usual ones; undefined leaves one out. */
  fields?: Record<string, string | number | undefined>;
}

export interface SmallMirror {
  root: string;
  contentId: string;
  /** `streams/v1/index.json`, or `.sjson` when signed. */
  indexPath: string;
  productsPath: string;
  /** Armored public key file, when signed. */
  keyring: string;
  /** Path of an item's file below the root. */
  file(product: string, version: string, item?: string): string;
}

/** `com.ubuntu.cloud:server:24.04:amd64` for 24.04. */
export function ubuntuProduct(version: string, arch = 'amd64'): string {
  return `com.ubuntu.cloud:server:${version}:${arch}`;
}

/** Makes a mirror of random files below `root`, signed by a key of its own when asked. */
export async function makeSmallMirror(
  root: string,
  items: MirrorItem[],
  options: { signed?: boolean; contentId?: string } = {},
): Promise<SmallMirror> {
  const contentId = options.contentId ?? 'com.ubuntu.cloud:released:download';
  const file = (product: string, version: string, item = 'disk1.img') =>
    `files/${product.replaceAll(':', '_')}/${version}/${item}`;
  const products: Record<string, { versions: Record<string, { items: Record<string, unknown> }> }> = {};
  for (const { product, version, item = 'disk1.img', size, fields = {} } of items) {
    const path = file(product, version, item);
    const content = randomBytes(size);
    await put(join(root, path), content);
    const [, , release = 'other', arch = 'amd64'] = product.split(':');
    const usual = {
      ftype: item,
      path,
      size,
      md5: hex('md5', content),
      sha256: hex('sha256', content),
      pubname: `ubuntu-${release}-${arch}-server-${version}`,
      os: 'ubuntu',
      version: release,
      release: `r${release}`,
      arch,
    };
    products[product] ??= { versions: {} };
    products[product].versions[version] ??= { items: {} };
    products[product].versions[version].items[item] = { ...usual, ...fields };
  }
  const extension = options.signed ? 'sjson' : 'json';
  const indexPath = `streams/v1/index.${extension}`;
  const productsPath = `streams/v1/${contentId}.${extension}`;
  const documents = {
    [productsPath]: { format: 'products:1.0', content_id: contentId, datatype: 'image-downloads', products },
    [indexPath]: {
      format: 'index:1.0',
      index: {
        [contentId]: {
          path: productsPath,
          format: 'products:1.0',
          datatype: 'image-downloads',
          products: Object.keys(products),
        },
      },
    },
  };
  const keyring = join(root, '..', 'mirror-key.asc');
  const signer = options.signed ? await makeSigner(keyring) : undefined;
  for (const [path, document] of Object.entries(documents)) {
    const text = JSON.stringify(document, null, 1);
    await put(join(root, path), signer ? await signer(text) : text);
  }
  return { root, contentId, indexPath, productsPath, keyring, file };
}

/** A function that signs texts inline; the public key goes to `keyring`. */
export async function makeSigner(keyring: string): Promise<(text: string) => Promise<string>> {
  const { privateKey, publicKey } = await generateKey({
    userIDs: [{ name: 'test mirror' }],
    format: 'armored',
  });
  await put(keyring, publicKey);
  const signingKeys = await readPrivateKey({ armoredKey: privateKey });
  return async (text) => sign({ message: await createCleartextMessage({ text }), signingKeys });
}

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

function hex(algorithm: string, content: Uint8Array): string {
  return createHash(algorithm).update(content).digest('hex');
}
