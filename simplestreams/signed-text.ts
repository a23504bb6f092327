import { ImageStreamError } from '../contracts/errors.js';
import { refuseWebPage } from './web-page.js';

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
 * verifier is how unsigned bytes get trusted. As gpgv does, a wrong checksum of the armor and an absent `Hash` are refused.
 * @throws {ImageStreamError} SignatureMissing, when it does not begin with the header; SignatureInvalid, for another shape;
 * DocumentInvalid, for HTML
 */
export function signedBody(text: string, path: string): string {
  refuseWebPage(text, path);
  if (!/^-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\r?\n/.test(text.slice(0, 200))) {
    throw new ImageStreamError('SignatureMissing', `${path} is not signed`, { details: { path } });
  }
  if (/\r(?!\n)/.test(text)) return malformed(path, 'has a carriage return within a line');
  const lines = text.split('\n').map(trimEnd);
  const blank = lines.indexOf('');
  const signature = lines.indexOf(BEGIN_SIGNATURE, blank);
  const end = lines.indexOf(END_SIGNATURE, signature);
  if (blank < 0 || signature < 0 || end < 0) return malformed(path, 'has no whole signature');
  const headers = lines.slice(1, blank);
  if (headers.length === 0 || !headers.every((line) => /^Hash: [A-Za-z0-9, -]+$/.test(line))) {
    return malformed(path, 'has other headers than Hash in front of the signed text');
  }
  if (lines.slice(end + 1).some((line) => line !== ''))
    return malformed(path, 'has text after its signature');
  const body = lines.slice(blank + 1, signature);
  if (body.some((line) => line.startsWith('-----')))
    return malformed(path, 'has another block inside of the signed text');
  checkArmor(lines.slice(signature + 1, end), path);
  return body.map((line) => line.replace(/^- /, '')).join('\n');
}

/** A loop and no expression, which a line of a million spaces would keep busy for hours. */
function trimEnd(line: string): string {
  let end = line.length;
  while (end > 0 && ' \t\r'.includes(line.charAt(end - 1))) end--;
  return line.slice(0, end);
}

/** openpgp ignores the checksum, as RFC 9580 §6.1 has it; a document altered there is still an altered one. */
function checkArmor(lines: readonly string[], path: string): void {
  if (lines.some((line) => line.startsWith('-')))
    malformed(path, 'has another block inside of its signature');
  const content = lines.slice(lines.indexOf('') + 1).filter((line) => line !== '');
  const checksum = content.at(-1)?.startsWith('=') ? content.pop() : undefined;
  const base64 = content.join('');
  const damaged = checksum !== undefined && checksum !== `=${crc24(Buffer.from(base64, 'base64'))}`;
  if (damaged || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) malformed(path, 'has a damaged signature');
}

/** RFC 9580 §6.1.1, in base64. */
function crc24(bytes: Uint8Array): string {
  let crc = 0xb704ce;
  for (const byte of bytes) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1;
      if (crc & 0x1000000) crc ^= 0x1864cfb;
    }
  }
  return Buffer.from([(crc >> 16) & 0xff, (crc >> 8) & 0xff, crc & 0xff]).toString('base64');
}

function malformed(path: string, reason: string): never {
  throw new ImageStreamError('SignatureInvalid', `${path} ${reason}`, { details: { path } });
}
