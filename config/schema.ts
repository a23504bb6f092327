import { z } from 'zod';

import {
  duration,
  filter,
  httpUrl,
  localPath,
  name,
  percentage,
  propertyValue,
  rootUrl,
  size,
  text,
} from './fields.js';
import { parseSchedule } from './schedule.js';

/** Properties that tell our images apart or that Glance keeps itself: a custom one of that name would break the next sync. */
const RESERVED_PROPERTIES = new Set(
  `content_id source_content_id product_name version_name item_name simplestreams_metadata
   id name status visibility size virtual_size checksum os_hash_algo os_hash_value os_hidden owner disk_format
   container_format min_disk min_ram protected tags created_at updated_at file schema self`.split(/\s+/),
);

const swiftPublish = {
  to: z.literal('swift'),
  container: z
    .string()
    .regex(/^[^/\p{Cc}]{1,256}$/u, 'must be a container name without a slash')
    .default('simplestreams'),
  prefix: z
    .string()
    .max(512)
    .refine((prefix) => isInside(prefix), 'must be a path without .. and without a slash in front')
    .transform((prefix) => (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`))
    .default('data/'),
};
const directoryPublish = { to: z.literal('directory'), path: localPath };
const nonePublish = { to: z.literal('none') };

const publish = z.preprocess(
  (value) => (value === 'none' || value === 'swift' ? { to: value } : value),
  z.discriminatedUnion(
    'to',
    [z.strictObject(swiftPublish), z.strictObject(directoryPublish), z.strictObject(nonePublish)],
    'must be {to: swift, container, prefix}, {to: directory, path} or none',
  ),
);

const cloud = {
  name,
  regions: unique(text(255)).min(1, 'must name a region; leave the key out for all').optional(),
  publish: publish.default({ to: 'swift', container: 'simplestreams', prefix: 'data/' }),
  cloud_name: text(255).default('image-stream'),
  advertise: z.boolean().optional(),
  auth_urls: unique(httpUrl.refine((url) => !new URL(url).username, 'must be a URL without a user')).default(
    [],
  ),
};

const cronSchedule = { cron: z.string(), jitter: z.string().optional(), timezone: z.string().optional() };
const intervalSchedule = { every: z.string(), jitter: z.string().optional() };
const schedule = z
  .union(
    [z.string(), z.strictObject(cronSchedule), z.strictObject(intervalSchedule)],
    'must be hourly, daily, weekly, a cron text, {every, jitter} or {cron, jitter, timezone}',
  )
  .transform((value, context) => {
    const parsed = parseSchedule(value);
    if (typeof parsed !== 'string') return parsed;
    context.addIssue({ code: 'custom', message: parsed });
    return z.NEVER;
  });

const directoryTarget = {
  path: localPath,
  items: z.boolean().default(true),
  index: z.enum(['verbatim', 'filtered']).default('verbatim'),
};
const directory = z.preprocess(
  (value) => (typeof value === 'string' ? { path: value } : value),
  z.strictObject(directoryTarget, 'must be a path or {path, items, index}'),
);

const mirror = {
  name,
  url: rootUrl,
  fallback_urls: unique(rootUrl).default([]),
  path: text(1024)
    .refine(isInside, 'must be a path without .. and without a slash in front')
    .refine((path) => /\.s?json$/.test(path), 'must end in .sjson or .json')
    .default('streams/v1/index.sjson'),
  keyring: localPath.default('/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg'),
  signature: z.enum(['require', 'skip']).optional(),
  filters: z.array(filter).optional(),
  index_filters: z.array(filter).optional(),
  max: z.int().min(1).max(1_000_000).optional(),
  keep: z.boolean().default(false),
  retire: z.enum(['delete', 'hide', 'deactivate', 'community']).default('delete'),
  retire_after: duration.optional(),
  shrink_limit: percentage.default(0.5),
  allow_older: z.boolean().default(false),
  in_use: z.enum(['hide', 'keep', 'delete']).default('hide'),
  clouds: unique(name).min(1, 'must name a cloud; leave the key out for all').optional(),
  directory: directory.optional(),
  content_id: z
    .string()
    .max(128)
    .refine(
      (template) => /^[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(template.replaceAll(/\{(region|mirror)\}/g, 'x')),
      'must be letters, digits and . _ : - with {region} or {mirror} in it',
    )
    .default('auto.sync'),
  name_prefix: z
    .string()
    .max(128)
    .refine((prefix) => !/\p{Cc}/u.test(prefix), 'must not have control characters')
    .default('auto-sync/'),
  visibility: z.enum(['public', 'private', 'community', 'shared']).default('public'),
  custom_properties: z
    .record(
      z
        .string()
        .regex(/^[A-Za-z0-9_.:-]{1,255}$/, 'must be a property name')
        .refine(
          (key) => !RESERVED_PROPERTIES.has(key) && !key.startsWith('image_stream_'),
          'is a property that image-stream or Glance sets itself',
        ),
      propertyValue,
    )
    .default({}),
  hypervisor_mapping: z.boolean().default(false),
  schedule: schedule.optional(),
  concurrency: z.int().min(1).max(32).default(4),
  document_limit: size.default(64 * 2 ** 20),
  transfer_timeout: duration.default(24 * 3600e3),
  stall_timeout: duration.default(30e3),
  slow_limit: size.default(64 * 2 ** 10),
  slow_window: duration.default(60e3),
  small_item_limit: size.default(16 * 2 ** 20),
};

const staging = { path: localPath.optional(), budget: size.optional() };
const root = {
  clouds: z.array(z.strictObject(cloud)).default([]),
  mirrors: z.array(z.strictObject(mirror)).min(1),
};
const file = { ...root, staging: z.strictObject(staging).default({}) };

/** The file as written: snake_case keys, defaults filled in, relations between keys not looked at yet. */
export const fileSchema = z.strictObject(file);
export type FileSettings = z.output<typeof fileSchema>;

/** Which keys may stand at a path (list indices left out), for suggestions. */
export const KNOWN_KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(file),
  clouds: Object.keys(cloud),
  'clouds.publish': [...new Set([swiftPublish, directoryPublish].flatMap((shape) => Object.keys(shape)))],
  mirrors: Object.keys(mirror),
  'mirrors.directory': Object.keys(directoryTarget),
  'mirrors.schedule': [...new Set([cronSchedule, intervalSchedule].flatMap((shape) => Object.keys(shape)))],
  staging: Object.keys(staging),
};

function unique<T extends z.ZodType<string>>(entry: T) {
  return z.array(entry).superRefine((entries, context) => {
    entries.forEach((value, index) => {
      if (entries.indexOf(value) === index) return;
      context.addIssue({ code: 'custom', path: [index], message: 'is there twice' });
    });
  });
}

/** Whether a path stays below the root it is joined to. */
function isInside(path: string): boolean {
  return (
    !path.startsWith('/') && !path.includes('\\') && !/\p{Cc}/u.test(path) && !path.split('/').includes('..')
  );
}
