import { readCleartextMessage, verify, type CleartextMessage, type Key } from 'openpgp';
import { ImageStreamError } from '../contracts/errors.js';
import type { Keyring } from './keyring.js';
import { looksSigned, signedBody } from './signed-text.js';

export interface Signer {
  /** 16 hexadecimal digits, upper case. */
  readonly keyId: string;
  /** Of the primary key, upper case. */
  readonly fingerprint: string;
  /** When the signature was made, ISO 8601. */
  readonly created: string;
}

export interface VerifiedText {
  /** The signed bytes and nothing else. */
  readonly payload: string;
  /** Keys of the keyring with a good signature; at least one. */
  readonly signers: readonly Signer[];
}

export type SignaturePolicy = 'require' | 'skip';

/**
 * What a mirror's documents need: a signature, unless the operator said `skip`. `suffix` is the rule of the Python tools, for
 * reading only: nothing is verified unless the first path ends in `sjson`.
 */
export function policyFor(path: string, signature: SignaturePolicy | 'suffix' = 'require'): SignaturePolicy {
  if (signature !== 'suffix') return signature;
  return path.endsWith('sjson') ? 'require' : 'skip';
}

/**
 * Verifies an inline-signed document and gives the signed text. One good signature of a known key is enough; a bad one of a
 * known key refuses the document, whoever else signed it; those of unknown keys count for nothing. A key must have been valid
 * when it signed and never revoked. docs/signatures.md has the reasons.
 * @param path names the document in messages
 * @throws {ImageStreamError} SignatureMissing, SignatureInvalid, SignatureKeyUnknown
 */
export async function verifyInline(
  text: string,
  keyring: Keyring,
  path = 'the document',
): Promise<VerifiedText> {
  signedBody(text, path);
  const message = await readMessage(text, path);
  const result = await verify({ message, verificationKeys: [...keyring.keys] });
  const signers: Signer[] = [];
  const unknown: string[] = [];
  for (const signature of result.signatures) {
    const signer = await checkSignature(signature, keyring, path);
    if (typeof signer === 'string') unknown.push(signer);
    else signers.push(signer);
  }
  if (signers.length > 0) return { payload: result.data, signers };
  if (unknown.length === 0)
    throw new ImageStreamError('SignatureInvalid', `${path} has no signature of a document`);
  throw new ImageStreamError(
    'SignatureKeyUnknown',
    `${path} is signed by ${unknown.join(', ')}, which the keyring ${keyring.path} does not have`,
    { details: { path, keyIds: unknown, keyring: keyring.path } },
  );
}

/**
 * The text of a document under a policy: verified, or with `skip` as it is, an inline signature taken off unread.
 * @throws {ImageStreamError} as {@link verifyInline}; KeyringMissing, when a signature is required and no keyring is given
 */
export async function documentText(
  text: string,
  path: string,
  policy: SignaturePolicy,
  keyring: Keyring | undefined,
): Promise<{ text: string; signers: readonly Signer[] }> {
  if (policy === 'skip') return { text: looksSigned(text) ? signedBody(text, path) : text, signers: [] };
  if (!keyring) throw new ImageStreamError('KeyringMissing', `no keyring was given to verify ${path} with`);
  const { payload, signers } = await verifyInline(text, keyring, path);
  return { text: payload, signers };
}

async function readMessage(text: string, path: string): Promise<CleartextMessage> {
  try {
    return await readCleartextMessage({ cleartextMessage: text });
  } catch (error) {
    throw invalid(path, 'has a malformed signature', error);
  }
}

type CheckedSignature = Awaited<ReturnType<typeof verify>>['signatures'][number];

/** The signer, or the id of a key that the keyring does not have. */
async function checkSignature(
  signature: CheckedSignature,
  keyring: Keyring,
  path: string,
): Promise<Signer | string> {
  const keyId = signature.keyID.toHex().toUpperCase();
  const key = keyring.keys.find((candidate) => candidate.getKeys(signature.keyID).length > 0);
  if (!key) return keyId;
  try {
    await signature.verified;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalid(path, `has a bad signature by ${keyId} (${reason})`, error);
  }
  if (await isRevoked(key, signature)) throw invalid(path, `has a signature by ${keyId}, which is revoked`);
  const created = (await signature.signature).packets[0]?.created;
  if (!created) throw invalid(path, `has a signature by ${keyId} without a date`);
  return { keyId, fingerprint: key.getFingerprint().toUpperCase(), created: created.toISOString() };
}

/**
 * Now, for any reason. openpgp lets a key that was replaced or retired vouch for what it signed before; but when a signature was made
 * is known from the signature only.
 */
async function isRevoked(key: Key, { keyID }: CheckedSignature): Promise<boolean> {
  if (await key.isRevoked()) return true;
  for (const subkey of key.getSubkeys(keyID)) {
    const binding = subkey.bindingSignatures[0];
    if (binding && (await subkey.isRevoked(binding, key.keyPacket))) return true;
  }
  return false;
}

function invalid(path: string, reason: string, cause?: unknown): ImageStreamError {
  return new ImageStreamError('SignatureInvalid', `${path} ${reason}`, { details: { path }, cause });
}
