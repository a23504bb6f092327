import { ImageStreamError } from '../contracts/errors.js';

const BEGIN = '-----BEGIN PGP SIGNED MESSAGE-----';
const BEGIN_SIGNATURE = '-----BEGIN PGP SIGNATURE-----';
const END_SIGNATURE = '-----END PGP SIGNATURE-----';

/** Whether a text claims to be signed inline; not whether it is. */
export function looksSigned(text: string): boolean {
  return text.startsWith(BEGIN);
}

/**
 * The body of an inline-signed text (RFC 9580 §7), dash escapes undone, nothing verified. Exactly one block is allowed, from
 * the first character on, with `Hash` headers only and nothing but white space after it: a reader that looks elsewhere than the
 * verifier is how unsigned bytes get trusted.
 * @throws {ImageStreamError} SignatureMissing, when it does not begin with the header; SignatureInvalid, for another shape
 */
export function signedBody(text: string, path: string): string {
  if (!/^-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\r?\n/.test(text.slice(0, 200))) {
    throw new ImageStreamError('SignatureMissing', `${path} is not signed`, { details: { path } });
  }
  if (/\r(?!\n)/.test(text)) return malformed(path, 'has a carriage return within a line');
  const lines = text.split('\n').map((line) => line.replace(/[ \t\r]+$/, ''));
  const blank = lines.indexOf('');
  const signature = lines.indexOf(BEGIN_SIGNATURE, blank);
  const end = lines.indexOf(END_SIGNATURE, signature);
  if (blank < 0 || signature < 0 || end < 0) return malformed(path, 'has no whole signature');
  if (!lines.slice(1, blank).every((line) => /^Hash: [A-Za-z0-9, -]+$/.test(line))) {
    return malformed(path, 'has a header that is not allowed in front of the signed text');
  }
  if (lines.slice(end + 1).some((line) => line !== ''))
    return malformed(path, 'has text after its signature');
  const body = lines.slice(blank + 1, signature);
  if (body.some((line) => line.startsWith('-----')))
    return malformed(path, 'has another block inside of the signed text');
  if (lines.slice(signature + 1, end).some((line) => line.startsWith('-'))) {
    return malformed(path, 'has another block inside of its signature');
  }
  return body.map((line) => line.replace(/^- /, '')).join('\n');
}

function malformed(path: string, reason: string): never {
  throw new ImageStreamError('SignatureInvalid', `${path} ${reason}`, { details: { path } });
}
