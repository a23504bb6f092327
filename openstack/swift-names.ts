import { ImageStreamError } from '../contracts/errors.js';

/** Swift's limits, in bytes of UTF-8. */
const CONTAINER_LIMIT = 256;
const OBJECT_LIMIT = 1024;

/** A container as a path below the account: `/name`. @throws {ImageStreamError} UnsafePath */
export function containerPath(container: string): string {
  const bad = container === '' || container.includes('/') || Buffer.byteLength(container) > CONTAINER_LIMIT;
  if (bad || isDots(container)) throw unsafe('container', container);
  return `/${encode(container)}`;
}

/**
 * An object as a path below the account. URLs fold `.` and `..` wherever they stand and however they are encoded, so a
 * name with such a part would reach another object, container or account.
 * @throws {ImageStreamError} UnsafePath
 */
export function objectPath(container: string, name: string): string {
  if (name === '' || Buffer.byteLength(name) > OBJECT_LIMIT || name.split('/').some(isDots))
    throw unsafe('object', name);
  return `${containerPath(container)}/${name.split('/').map(encode).join('/')}`;
}

function isDots(part: string): boolean {
  return part === '.' || part === '..';
}

function encode(part: string): string {
  try {
    return encodeURIComponent(part);
  } catch {
    throw unsafe('name', '(not Unicode)');
  }
}

function unsafe(kind: string, name: string): ImageStreamError {
  return new ImageStreamError(
    'UnsafePath',
    `${JSON.stringify(name.slice(0, 100))} cannot be the name of an ${kind} in Swift`,
    {
      hint: 'Use a name without empty, `.` and `..` parts that is not too long.',
    },
  );
}
