import { z } from 'zod';

import { ImageStreamError } from '../contracts/errors.js';
import { parseFilter } from '../simplestreams/filters.js';
import { parseDuration, parseSize } from './units.js';

/** Text that ends up in file names, workflow ids and messages. */
export const name = z
  .string()
  .regex(/^(?!\.\.?$)[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores');

/** Text without control characters, which would forge lines of logs and headers of requests. */
export const text = (longest: number) =>
  z
    .string()
    .min(1, 'must not be empty')
    .max(longest, `must have at most ${longest} characters`)
    .refine((value) => !/\p{Cc}/u.test(value), 'must not have control characters');

/** A path on this machine; made absolute by the loader, which knows the folder of the file. */
export const localPath = text(4096);

/** A whole number of bytes, or a size such as 200GiB. */
export const size = z
  .union([z.int().positive(), z.string()], 'must be a size such as 200GiB')
  .transform((value, context) => {
    const bytes = typeof value === 'number' ? value : parseSize(value);
    if (bytes !== undefined && bytes > 0) return bytes;
    context.addIssue({ code: 'custom', message: 'must be a size such as 200GiB' });
    return z.NEVER;
  });

/** A duration with its unit, in milliseconds. */
export const duration = z.string('must be a duration such as 24h').transform((value, context) => {
  const milliseconds = parseDuration(value);
  if (milliseconds !== undefined && milliseconds > 0) return milliseconds;
  context.addIssue({ code: 'custom', message: 'must be a duration such as 24h' });
  return z.NEVER;
});

/** A share such as 50%, as a number from 0 to 1. */
export const percentage = z.string('must be a percentage such as 50%').transform((value, context) => {
  const [, digits] = /^(\d{1,3}(?:\.\d{1,3})?)\s*%$/.exec(value.trim()) ?? [];
  if (digits !== undefined && Number(digits) <= 100) return Number(digits) / 100;
  context.addIssue({ code: 'custom', message: 'must be a percentage such as 50%' });
  return z.NEVER;
});

/** An http(s) URL without query or fragment. Its text stays out of messages, since it may hold a password. */
export const httpUrl = z.string().transform((value, context) => {
  const problem = urlProblem(value);
  if (!problem) return new URL(value).href;
  context.addIssue({ code: 'custom', message: problem });
  return z.NEVER;
});

/** The root of a mirror, on the web or on this machine: paths are resolved below it, so it ends in a slash. */
export const rootUrl = z
  .string()
  .transform((value, context) => {
    const problem = /^file:/i.test(value) ? fileProblem(value) : urlProblem(value);
    if (!problem) return new URL(value).href;
    context.addIssue({ code: 'custom', message: problem });
    return z.NEVER;
  })
  .transform((url) => (url.endsWith('/') ? url : `${url}/`));

function fileProblem(value: string): string | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || url.host !== '' || url.search || url.hash) return 'must be a URL such as file:///srv/mirror/';
  return undefined;
}

function urlProblem(value: string): string | undefined {
  if (!URL.canParse(value)) return 'must be an http:// or https:// URL';
  const url = new URL(value);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must be an http:// or https:// URL';
  if (url.search || url.hash) return 'must be a URL without ? and #';
  return undefined;
}

/** A filter expression. Its own text is left out of the message, as that of every value is. */
export const filter = z.string().superRefine((expression, context) => {
  try {
    parseFilter(expression);
  } catch (error) {
    if (!(error instanceof ImageStreamError)) throw error;
    const message = /regular expression/.test(error.message)
      ? 'its regular expression cannot be read'
      : 'must be key=value, key!=value, key~regex or key!~regex';
    context.addIssue({ code: 'custom', message });
  }
});

/** A value of a Glance property. Numbers with a fraction are refused: YAML reads 1.10 as 1.1. */
export const propertyValue = z
  .union(
    [z.string().max(255), z.boolean(), z.int()],
    'must be text of at most 255 characters (put it in quotes)',
  )
  .transform(String);
