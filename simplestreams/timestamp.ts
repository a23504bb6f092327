/** The `updated` of a document: RFC 2822 in UTC, as in `Fri, 04 Nov 2016 03:34:01 +0000`. */
export function streamTimestamp(date: Date): string {
  return date.toUTCString().replace(/GMT$/, '+0000');
}

const MONTHS = 'Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec';
const RFC_2822 = new RegExp(
  `^(?:[A-Z][a-z]{2},\\s*)?\\d{1,2}\\s+(?:${MONTHS})\\s+\\d{4}\\s+\\d{2}:\\d{2}(?::\\d{2})?\\s*(?:[+-]\\d{4}|GMT|UTC?|Z|[ECMP][SD]T)$`,
);
const ISO_8601 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})$/;

/** Milliseconds since 1970 of an `updated`: RFC 2822 as the Python tool writes it, or ISO 8601 with its zone; undefined for anything else. */
export function parseTimestamp(text: string): number | undefined {
  const trimmed = text.trim();
  if (!RFC_2822.test(trimmed) && !ISO_8601.test(trimmed)) return undefined;
  const date = Date.parse(trimmed);
  return Number.isNaN(date) ? undefined : date;
}
