import type { ImageFields, ImageVisibility } from '../../contracts/sync.js';
import { compareCodePoints } from '../../simplestreams/index.js';

/** An item of a mirror as Glance shall have it: what `imageFields` needs of the mirror's settings. */
export interface ImageSettings {
  mirror: string;
  contentId: string;
  namePrefix: string;
  visibility: ImageVisibility;
  customProperties: Readonly<Record<string, string>>;
  hypervisorMapping: boolean;
}

export interface SourceItem {
  product: string;
  version: string;
  item: string;
  /** Flattened, with the strings of the document. */
  data: ReadonlyMap<string, string>;
  /** Content id of the document that names it. */
  sourceContentId: string;
  /** Flattened without the strings of the document: what `simplestreams_metadata` keeps. */
  ownData: ReadonlyMap<string, string>;
  digest: { algorithm: string; hex: string };
}

/** Glance's names of architectures by those of simplestreams (reference §4.2). */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  i386: 'i686',
  ppc64el: 'ppc64le',
  powerpc: 'ppc',
  armhf: 'armv7l',
  arm64: 'aarch64',
};

const DISK_FORMATS: Readonly<Record<string, string>> = {
  'root.tar.gz': 'root-tar',
  'root.tar.xz': 'root-tar',
  squashfs: 'squashfs',
};

const NOT_METADATA = new Set(['product_name', 'version_name', 'item_name', 'path']);

export function glanceArchitecture(arch: string): string {
  const lower = arch.toLowerCase();
  return Object.hasOwn(ARCHITECTURES, lower) ? ARCHITECTURES[lower]! : lower;
}

export function diskFormat(ftype: string | undefined): string {
  const lower = (ftype ?? '').toLowerCase();
  return Object.hasOwn(DISK_FORMATS, lower) ? DISK_FORMATS[lower]! : 'qcow2';
}

function hypervisorType(ftype: string | undefined): string | undefined {
  const lower = (ftype ?? '').toLowerCase();
  if (lower === 'squashfs' || lower.startsWith('root.tar')) return 'lxc';
  return /^disk.*\.img$/.test(lower) ? 'qemu' : undefined;
}

/** JSON with sorted keys and the separators `, ` and `: `, ASCII only, as images of the Python tool carry it. */
export function metadataJson(data: ReadonlyMap<string, string>): string {
  const ascii = (text: string) =>
    JSON.stringify(text).replace(
      /[\u007f-\uffff]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  const members = [...data]
    .filter(([key]) => !NOT_METADATA.has(key))
    .sort(([a], [b]) => compareCodePoints(a, b))
    .map(([key, value]) => `${ascii(key)}: ${ascii(value)}`);
  return `{${members.join(', ')}}`;
}

/**
 * Name, formats and properties of an item's image (reference simplestreams.md §4.2 to §4.4). An item without `os` or `version`
 * gets no os_distro or os_version, where the Python tool crashed after the upload.
 */
export function imageFields(source: SourceItem, settings: ImageSettings): ImageFields {
  const { data } = source;
  const base = data.get('pubname') || data.get('name') || `${source.product}-${source.version}`;
  const name = base.endsWith(source.item) ? base : `${base}-${source.item}`;
  const optional = {
    os_distro: data.get('os'),
    os_version: data.get('version'),
    architecture: data.has('arch') ? glanceArchitecture(data.get('arch') ?? '') : undefined,
    hypervisor_type: settings.hypervisorMapping ? hypervisorType(data.get('ftype')) : undefined,
  };
  const properties: Record<string, string> = {};
  for (const [key, value] of Object.entries(optional))
    if (value !== undefined && value !== '') properties[key] = value;
  Object.assign(properties, settings.customProperties);
  return {
    name: settings.namePrefix + name,
    diskFormat: diskFormat(data.get('ftype')),
    containerFormat: 'bare',
    visibility: settings.visibility,
    properties: {
      ...properties,
      ...identityProperties(source, settings),
      simplestreams_metadata: metadataJson(source.ownData),
    },
  };
}

/** What an image is known by; set at its creation, so that a crash leaves nothing nameless behind. */
function identityProperties(source: SourceItem, settings: ImageSettings): Record<string, string> {
  return {
    content_id: settings.contentId,
    source_content_id: source.sourceContentId,
    product_name: source.product,
    version_name: source.version,
    item_name: source.item,
    image_stream_mirror: settings.mirror,
    image_stream_digest: `${source.digest.algorithm}:${source.digest.hex}`,
  };
}
