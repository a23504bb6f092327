/** What one configuration file says, checked, with every default filled in and every path absolute. */
export interface Configuration {
  /** The real path of the file. */
  file: string;
  clouds: CloudSettings[];
  mirrors: MirrorSettings[];
  staging: StagingSettings;
}

/** A cloud of clouds.yaml (or the OS_* environment) as a target of mirrors. */
export interface CloudSettings {
  /** The name of the clouds.yaml entry. */
  name: string;
  /** Regions to keep in step; undefined means every region with an image endpoint. */
  regions: string[] | undefined;
  publish: PublishSettings;
  /** The `cloudname` that the published index carries. @default 'image-stream' */
  cloudName: string;
  /** Whether `product-streams` endpoints are registered in Keystone. @default true, false where nothing is published */
  advertise: boolean;
  /** Further forms of the auth URL to list under `clouds` in the index, besides those the catalogue shows. */
  authUrls: string[];
}

/** Where the stream metadata goes. @default Swift, container `simplestreams`, prefix `data/` */
export type PublishSettings =
  { to: 'swift'; container: string; prefix: string } | { to: 'directory'; path: string } | { to: 'none' };

/** One simplestreams source and what is wanted of it. */
export interface MirrorSettings {
  name: string;
  /** Where the mirror's root is, with a trailing slash; may hold user info: print it with printableUrl only. */
  url: string;
  /** Roots of further mirrors of the same tree, tried in this order. */
  fallbackUrls: string[];
  /** The index below the root. @default 'streams/v1/index.sjson' */
  path: string;
  /** A file or folder of OpenPGP public keys. */
  keyring: string;
  /** Whether documents must be signed by a key of the keyring. @default 'require' when `path` ends in sjson */
  signature: 'require' | 'skip';
  /** Item filters. @default ['ftype~(disk1.img|disk.img)', 'arch~(x86_64|amd64|i386)']; none for a directory */
  filters: string[];
  /** Filters on the entries of the index. @default ['datatype=image-downloads']; none for a directory */
  indexFilters: string[];
  /** How many versions of a product to keep; undefined means all. */
  max: number | undefined;
  /** Whether versions that left the mirror stay, while there are no more than `max`. @default false */
  keep: boolean;
  /** What happens to superseded images before they are deleted. @default 'delete': nothing, they are deleted at once */
  retire: 'delete' | 'hide' | 'deactivate' | 'community';
  /** Milliseconds that a superseded image stays retired before it is deleted. @default 30 days */
  retireAfter: number;
  /** What happens to images that should go and that servers use. @default 'hide' */
  inUse: 'hide' | 'keep' | 'delete';
  /** Share of its products that a mirror may lose between two runs, from 0 to 1. @default 0.5 */
  shrinkLimit: number;
  /** Whether a mirror that has gone back in time is taken as it is. @default false */
  allowOlder: boolean;
  /** Names of clouds of this file. @default every cloud of the file; none where `directory` is given */
  clouds: string[];
  /** A folder that becomes a mirror, instead of clouds. */
  directory: DirectorySettings | undefined;
  /** Template of the content id; `{region}` and `{mirror}` are replaced. @default 'auto.sync' */
  contentId: string;
  /** Put before the name of each image. @default 'auto-sync/' */
  namePrefix: string;
  visibility: 'public' | 'private' | 'community' | 'shared';
  /** Further Glance properties of each image. */
  customProperties: Record<string, string>;
  /** Whether `hypervisor_type` is set from the item's virt. @default false */
  hypervisorMapping: boolean;
  schedule: ScheduleSettings | undefined;
  /** Images at once in a region. @default 4 */
  concurrency: number;
  /** Largest document taken from the mirror, in bytes. @default 64 MiB */
  documentLimit: number;
  /** Milliseconds one image's transfer may take. @default 24 h */
  transferTimeout: number;
  /** Milliseconds without a byte after which a source is given up for the next one. @default 30 s */
  stallTimeout: number;
  /** A source that sends fewer bytes than this while it is waited for `slowWindow` is given up. @default 64 KiB */
  slowLimit: number;
  /** Milliseconds. @default 1 min */
  slowWindow: number;
  /** Items up to this many bytes are handled by one activity. @default 16 MiB */
  smallItemLimit: number;
}

export interface DirectorySettings {
  path: string;
  /** Whether files are mirrored, or documents alone. @default true */
  items: boolean;
  /** The mirror's own documents with their signatures, or what they say of the files that are here. @default 'verbatim' */
  index: 'verbatim' | 'filtered';
}

export interface StagingSettings {
  /** @default $XDG_CACHE_HOME/image-stream/staging */
  path: string;
  /** Bytes that staged files may take together; undefined means what the disk has. */
  budget: number | undefined;
}

/** When a mirror is synced: a cron expression or a fixed interval, exactly one of the two. */
export type ScheduleSettings =
  | { cron: string; everyMs?: undefined; jitterMs: number; timezone: string }
  | { cron?: undefined; everyMs: number; jitterMs: number; timezone: string };
