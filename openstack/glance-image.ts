import { z } from 'zod';

export type Visibility = 'public' | 'private' | 'community' | 'shared';

/** An image as Glance tells of it; `properties` are its custom ones, all of them strings. */
export interface GlanceImage {
  readonly id: string;
  readonly name: string | undefined;
  /** queued, saving, uploading, importing, active, deactivated, killed, deleted, pending_delete. */
  readonly status: string;
  readonly visibility: string;
  readonly owner: string | undefined;
  readonly osHidden: boolean;
  readonly protected: boolean;
  /** Bytes. */
  readonly size: number | undefined;
  /** MD5, hex. */
  readonly checksum: string | undefined;
  /** The algorithm that the operator chose, usually sha512, and its value in hex. */
  readonly osHashAlgo: string | undefined;
  readonly osHashValue: string | undefined;
  readonly diskFormat: string | undefined;
  readonly containerFormat: string | undefined;
  readonly tags: readonly string[];
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly properties: Readonly<Record<string, string>>;
}

const text = z.string().nullish();

const wireImage = z.looseObject({
  id: z.string(),
  name: text,
  status: z.string(),
  visibility: z.string().default('private'),
  owner: text,
  os_hidden: z.boolean().default(false),
  protected: z.boolean().default(false),
  size: z.number().nullish(),
  checksum: text,
  os_hash_algo: text,
  os_hash_value: text,
  disk_format: text,
  container_format: text,
  tags: z.array(z.string()).default([]),
  created_at: z.string().default(''),
  updated_at: z.string().default(''),
});

/** Top-level names that are Glance's own (Image API v2, schemas/image); everything else is a custom property. */
const OWN = new Set([
  ...Object.keys(wireImage.shape),
  'direct_url',
  'file',
  'locations',
  'min_disk',
  'min_ram',
  'schema',
  'self',
  'stores',
  'virtual_size',
]);

export function isOwnName(name: string): boolean {
  return OWN.has(name);
}

export const imageSchema = wireImage.transform((wire): GlanceImage => ({
  id: wire.id,
  name: wire.name ?? undefined,
  status: wire.status,
  visibility: wire.visibility,
  owner: wire.owner ?? undefined,
  osHidden: wire.os_hidden,
  protected: wire.protected,
  size: wire.size ?? undefined,
  checksum: wire.checksum ?? undefined,
  osHashAlgo: wire.os_hash_algo ?? undefined,
  osHashValue: wire.os_hash_value ?? undefined,
  diskFormat: wire.disk_format ?? undefined,
  containerFormat: wire.container_format ?? undefined,
  tags: wire.tags,
  createdAt: wire.created_at,
  updatedAt: wire.updated_at,
  properties: Object.fromEntries(
    Object.entries(wire).filter(
      (entry): entry is [string, string] => !OWN.has(entry[0]) && typeof entry[1] === 'string',
    ),
  ),
}));

export const pageSchema = z.object({ images: z.array(imageSchema), next: z.string().nullish() });

/** What an image is created with; Glance's own fields and custom properties apart. */
export interface NewImage {
  /** Chosen by Glance where left out; the id of a deleted image is not free again. */
  readonly id?: string;
  readonly name: string;
  readonly diskFormat: string;
  readonly containerFormat: string;
  readonly visibility: Visibility;
  readonly tags?: readonly string[];
  readonly protected?: boolean;
  readonly osHidden?: boolean;
  /** GiB. */
  readonly minDisk?: number;
  /** MiB. */
  readonly minRam?: number;
  readonly properties?: Readonly<Record<string, string>>;
}

/** What to change; properties that are left out stay, those of `remove` go. */
export interface ImageChanges {
  readonly name?: string;
  readonly visibility?: Visibility;
  readonly osHidden?: boolean;
  readonly protected?: boolean;
  readonly tags?: readonly string[];
  readonly set?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

export interface PatchOperation {
  readonly op: 'add' | 'replace' | 'remove';
  /** A JSON pointer: `/name`. */
  readonly path: string;
  readonly value?: unknown;
}

/** A property's name as a JSON pointer (RFC 6901). */
function pointer(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** The JSON patch for changes. `add` also replaces, so it does not matter whether a property is there already. */
export function patchFor(changes: ImageChanges): PatchOperation[] {
  const own: [string, unknown][] = [
    ['name', changes.name],
    ['os_hidden', changes.osHidden],
    ['protected', changes.protected],
    ['tags', changes.tags],
    ['visibility', changes.visibility],
  ];
  return [
    ...(changes.remove ?? []).map((name) => ({ op: 'remove' as const, path: pointer(name) })),
    ...Object.entries(changes.set ?? {}).map(([name, value]) => ({
      op: 'add' as const,
      path: pointer(name),
      value,
    })),
    ...own
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ({ op: 'replace' as const, path: pointer(name), value })),
  ];
}
