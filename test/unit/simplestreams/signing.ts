import * as openpgp from 'openpgp';
import { enums, generateKey, type PrivateKey } from 'openpgp';

export const TEXT = '{\n "format": "index:1.0",\n "index": {}\n}';

/** A key as a mirror's operator might have it, made long before the signatures. */
export async function testKey(options: { expiresAfterDays?: number } = {}) {
  return generateKey({
    userIDs: [{ name: 'Mirror' }],
    type: 'rsa',
    rsaBits: 2048,
    format: 'object',
    date: new Date('2020-01-01T00:00:00Z'),
    ...(options.expiresAfterDays ? { keyExpirationTime: options.expiresAfterDays * 86_400 } : {}),
  });
}

export interface SignOptions {
  text?: string;
  /** When; 1 June 2020 by default. */
  date?: Date;
  hash?: enums.hash;
  /** Seconds. */
  expiresAfter?: number;
}

/** Signs below the library's own rules, so that what it would not sign (SHA-1, expiring) can be tested. */
export async function signInline(keys: readonly PrivateKey[], options: SignOptions = {}): Promise<string> {
  const {
    text = TEXT,
    date = new Date('2020-06-01T00:00:00Z'),
    hash = enums.hash.sha512,
    expiresAfter,
  } = options;
  const literal = new low.LiteralDataPacket();
  literal.setText(text);
  const packets = new low.PacketList();
  for (const { keyPacket } of keys) {
    const packet = new low.SignaturePacket();
    packet.signatureType = enums.signature.text;
    packet.publicKeyAlgorithm = keyPacket.algorithm;
    packet.hashAlgorithm = hash;
    if (expiresAfter !== undefined) {
      packet.signatureExpirationTime = expiresAfter;
      packet.signatureNeverExpires = false;
    }
    const config = { ...openpgp.config, nonDeterministicSignaturesViaNotation: false };
    await packet.sign(keyPacket, literal, date, true, config);
    packets.push(packet);
  }
  return new low.CleartextMessage(text, new low.Signature(packets)).armor();
}

/** A signed text with the signatures of another one beside its own. */
export async function withSignaturesOf(signed: string, other: string): Promise<string> {
  const packets = new low.PacketList();
  for (const text of [signed, other]) {
    const armoredSignature = text.slice(text.indexOf('-----BEGIN PGP SIGNATURE'));
    packets.push(...(await openpgp.readSignature({ armoredSignature })).packets);
  }
  const message = await openpgp.readCleartextMessage({ cleartextMessage: signed });
  return new low.CleartextMessage(message.getText(), new low.Signature(packets)).armor();
}

interface LowSignaturePacket {
  signatureType: number;
  publicKeyAlgorithm: number;
  hashAlgorithm: number;
  signatureExpirationTime: number;
  signatureNeverExpires: boolean;
  sign(key: unknown, data: unknown, date: Date, detached: boolean, config: openpgp.Config): Promise<void>;
}

/** What openpgp exports and its types do not tell. */
interface LowLevel {
  LiteralDataPacket: new () => { setText(text: string): void };
  SignaturePacket: new () => LowSignaturePacket;
  PacketList: new () => { push(...packets: unknown[]): void };
  Signature: new (packets: unknown) => object;
  CleartextMessage: new (text: string, signature: object) => { armor(): string };
}
const low: LowLevel = openpgp as unknown as LowLevel;
