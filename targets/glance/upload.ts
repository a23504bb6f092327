import { ImageStreamError } from '../../contracts/errors.js';
import type { ImageItem, UploadResult } from '../../contracts/sync.js';
import type { Glance, GlanceImage } from '../../openstack/index.js';
import type { Staging, StagedReader } from '../../staging/index.js';
import { guardedBytes } from './guarded-bytes.js';
import { inventoryImage, isWhole, type InventoryImage } from './inventory.js';

export interface UploadRequest {
  glance: Glance;
  staging: Staging;
  item: ImageItem;
  /** Project id. */
  owner: string;
  signal: AbortSignal;
  onProgress: (offset: number) => void;
}

/**
 * Brings a staged file into Glance as a private image with its identity, once: looks first for what is there, goes on with an
 * image that is queued, and clears away one that no upload can finish. The caller holds the lock of the identity.
 * @throws {ImageStreamError} StagingLost, HashMismatch, ImageGone, QuotaExceeded, Conflict …
 */
export async function uploadImage(request: UploadRequest): Promise<UploadResult> {
  const { glance, staging, item, signal } = request;
  const reader = await staging.openRead(item.digest, { signal });
  try {
    const found = await findUnfinished(request, reader);
    if (found.whole !== undefined) return { imageId: found.whole, uploadedBytes: 0 };
    const imageId = found.queued ?? (await createPrivate(glance, item));
    await send(request, imageId, reader);
    await compare(glance, imageId, item, reader);
    return { imageId, uploadedBytes: item.size };
  } finally {
    await reader.release();
  }
}

/**
 * The whole image of this identity, or a queued one to go on with; everything else unfinished is deleted. A whole one of ours counts
 * only when Glance's digests are those of the staged bytes: a crash may have come between its upload and that comparison.
 */
async function findUnfinished(
  { glance, item, owner }: UploadRequest,
  reader: StagedReader,
): Promise<{ whole?: string; queued?: string }> {
  const digest = `${item.digest.algorithm}:${item.digest.hex}`;
  const found: { whole?: string; queued?: string } = {};
  for await (const { image, known } of ofIdentity(glance, item, owner)) {
    if (known.digest === undefined) {
      // Another tool's: not ours to touch, and its upload may be under way.
      if (isWhole(known)) found.whole ??= image.id;
    } else if (isWhole(known)) {
      const right = known.digest === digest && whatDiffers(image, item, reader) === undefined;
      if (right) found.whole ??= image.id;
      // One that others may see already is left to the plan, which removes it when its successor is there.
      else if (known.digest === digest && image.visibility === 'private') await glance.delete(image.id);
    } else if (image.status === 'queued' && known.digest === digest && found.queued === undefined) {
      found.queued = image.id;
    } else {
      await glance.delete(image.id);
    }
  }
  return found;
}

/** Deletes what is unfinished of an item: an upload that is given up leaves nothing behind. The caller holds the lock of the identity. */
export async function clearUnfinished({
  glance,
  item,
  owner,
}: Pick<UploadRequest, 'glance' | 'item' | 'owner'>): Promise<void> {
  for await (const { image, known } of ofIdentity(glance, item, owner)) {
    if (known.digest !== undefined && !isWhole(known)) await glance.delete(image.id);
  }
}

/** The images of an item: this mirror's own, and those that another tool uploaded from its source; others' are never touched. */
async function* ofIdentity(
  glance: Glance,
  { contentId, product, version, item, sourceContentId, image: fields }: ImageItem,
  owner: string,
): AsyncGenerator<{ image: GlanceImage; known: InventoryImage }> {
  const ours = ({ mirror, sourceContentId: source }: InventoryImage) =>
    mirror === undefined ? source === sourceContentId : mirror === fields.properties.image_stream_mirror;
  const properties = { content_id: contentId, product_name: product, version_name: version, item_name: item };
  for await (const image of glance.list({ owner, properties })) {
    const known = inventoryImage(image, contentId);
    if (known?.product !== product || known.version !== version || known.item !== item) continue;
    if (ours(known)) yield { image, known };
  }
}

async function createPrivate(glance: Glance, item: ImageItem): Promise<string> {
  const { name, diskFormat, containerFormat, properties } = item.image;
  const created = await glance.create({
    name,
    diskFormat,
    containerFormat,
    visibility: 'private',
    properties,
  });
  return created.id;
}

async function send(
  { glance, item, signal, onProgress }: UploadRequest,
  imageId: string,
  reader: StagedReader,
) {
  const body = guardedBytes(reader.stream, item.digest);
  await glance.upload(imageId, body, { size: item.size, signal, onProgress });
}

/** Glance's own digests against ours; an image of other bytes goes at once. */
async function compare(
  glance: Glance,
  imageId: string,
  item: ImageItem,
  reader: StagedReader,
): Promise<void> {
  const image = await glance.find(imageId);
  if (image === undefined) {
    throw new ImageStreamError(
      'ImageGone',
      `Image ${imageId} (${item.image.name}) was deleted right after its upload`,
    );
  }
  const wrong = whatDiffers(image, item, reader);
  if (wrong === undefined) return;
  await glance.delete(imageId);
  throw new ImageStreamError('HashMismatch', `Glance reports ${wrong} for ${item.image.name} (${imageId})`);
}

function whatDiffers(image: GlanceImage, item: ImageItem, { digests }: StagedReader): string | undefined {
  if (image.status !== 'active' && image.status !== 'deactivated') return `status ${image.status}`;
  if (image.size !== item.size) return `${image.size ?? 'no'} bytes instead of ${item.size}`;
  if (image.checksum && image.checksum !== digests.md5)
    return `md5 ${image.checksum} instead of ${digests.md5}`;
  const algorithm = image.osHashAlgo;
  if (algorithm === 'sha256' || algorithm === 'sha512' || algorithm === 'md5') {
    if (image.osHashValue && image.osHashValue !== digests[algorithm]) return `another ${algorithm}`;
  }
  return image.checksum || image.osHashValue ? undefined : 'no digest at all';
}
