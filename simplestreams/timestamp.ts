/** The `updated` of a document: RFC 2822 in UTC, as in `Fri, 04 Nov 2016 03:34:01 +0000`. */
export function streamTimestamp(date: Date): string {
  return date.toUTCString().replace(/GMT$/, '+0000');
}
