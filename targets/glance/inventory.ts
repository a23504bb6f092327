import type { GlanceImage } from '../../openstack/index.js';

/** One image of Glance that carries the identity of a mirror's item. */
export interface InventoryImage {
  id: string;
  name: string;
  status: string;
  visibility: string;
  hidden: boolean;
  size: number | undefined;
  checksum: string | undefined;
  /** The digest of the operator's choice that Glance computed. */
  osHash?: { algorithm: string; hex: string };
  createdAt: string;
  product: string;
  version: string;
  item: string;
  sourceContentId: string;
  /** `image_stream_mirror`: the mirror that uploaded it; absent where another tool did. */
  mirror: string | undefined;
  /** `image_stream_digest`: algorithm:hex of the source. */
  digest: string | undefined;
  properties: Readonly<Record<string, string>>;
}

/** Reads the identity; undefined for an image that has none under this content id. */
export function inventoryImage(image: GlanceImage, contentId: string): InventoryImage | undefined {
  const { properties } = image;
  const {
    product_name: product,
    version_name: version,
    item_name: item,
    source_content_id: source,
  } = properties;
  if (properties.content_id !== contentId || !product || !version || !item || !source) return undefined;
  return {
    id: image.id,
    name: image.name ?? '',
    status: image.status,
    visibility: image.visibility,
    hidden: image.osHidden,
    size: image.size ?? undefined,
    checksum: image.checksum ?? undefined,
    ...(image.osHashAlgo && image.osHashValue
      ? { osHash: { algorithm: image.osHashAlgo, hex: image.osHashValue } }
      : {}),
    createdAt: image.createdAt,
    product,
    version,
    item,
    sourceContentId: source,
    mirror: properties.image_stream_mirror,
    digest: properties.image_stream_digest,
    properties,
  };
}

/** Whether a mirror may change or remove an image: its own, and those of another tool with a source content id of its own. */
export function isOurs(
  image: InventoryImage,
  mirror: string,
  sourceContentIds: ReadonlySet<string>,
): boolean {
  return image.mirror === undefined ? sourceContentIds.has(image.sourceContentId) : image.mirror === mirror;
}

/** The property that says which bytes were compared with the mirror's digest; set together with the visibility. */
export const VERIFIED = 'image_stream_verified';

/** What `image_stream_verified` must say of an image: copied onto another one it is not true. */
export function verifiedMark(image: { checksum: string | undefined; size: number | undefined }): string {
  return image.checksum ?? `size:${image.size ?? 0}`;
}

/** Whether the bytes that Glance holds were compared after the upload; another tool's image was checked by that tool. */
export function isVerified(image: InventoryImage): boolean {
  return image.mirror === undefined || image.properties[VERIFIED] === verifiedMark(image);
}

/** When a mirror retired the image (ISO 8601): it is not published, not counted as held, and deleted in the end. */
export const RETIRED = 'image_stream_retired';

export function isRetired(image: InventoryImage): boolean {
  return image.properties[RETIRED] !== undefined;
}

/** Whole and usable, or made so by an operation on Glance alone. */
export function isWhole(image: InventoryImage): boolean {
  return image.status === 'active' || image.status === 'deactivated';
}
