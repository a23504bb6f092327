import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enums, revokeKey, type Key } from 'openpgp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  documentText,
  loadKeyring,
  parseKeys,
  policyFor,
  verifyInline,
  type Keyring,
} from '../../../simplestreams/index.js';
import { failureOf } from './failing.js';
import { readShared, sharedFile } from './shared.js';
import { signInline, testKey, TEXT, withSignaturesOf } from './signing.js';

const ring = (...keys: Key[]): Keyring => ({ path: 'test', keys: keys.map((key) => key.toPublic()) });

describe("Ubuntu's own document", () => {
  const signed = readShared('fixtures/ubuntu-signed/index.sjson');
  let ubuntu: Keyring;
  beforeAll(async () => {
    ubuntu = await loadKeyring(sharedFile('fixtures/ubuntu-signed/ubuntu-cloudimage-key.asc'));
  });

  test('verifies, years after it was signed with a key of SHA-1 self-signatures', async () => {
    const { payload, signers } = await verifyInline(signed, ubuntu);
    expect(signers).toEqual([
      {
        keyId: '7FF3F408476CF100',
        fingerprint: '4A3CE3CD565D7EB5C810E2B97FF3F408476CF100',
        created: '2016-11-04T03:34:03.000Z',
      },
    ]);
    expect(JSON.parse(payload)).toMatchObject({
      format: 'index:1.0',
      updated: 'Fri, 04 Nov 2016 03:34:01 +0000',
    });
  });

  test('is refused with any byte changed, but in the comment of the armor', async () => {
    const comment = signed.indexOf('Version:');
    const commentEnd = signed.indexOf('\n', comment);
    // Every byte of what is not JSON, and a sample of what is.
    const text = signed.indexOf('{');
    const signature = signed.indexOf('-----BEGIN PGP SIGNATURE');
    const survived: number[] = [];
    for (let at = 0; at < signed.length; at += at > text && at < signature - 1 ? 97 : 1) {
      if (at >= comment && at < commentEnd) continue;
      const changed =
        signed.slice(0, at) + String.fromCharCode(signed.charCodeAt(at) ^ 1) + signed.slice(at + 1);
      const outcome = await failureOf(verifyInline(changed, ubuntu));
      if (outcome === undefined || !/^Signature(Missing|Invalid|KeyUnknown)$/.test(outcome))
        survived.push(at);
    }
    expect(survived).toEqual([]);
  }, 60_000);

  const lines = signed.split('\n');
  const body = lines.indexOf('{');
  const sig = lines.indexOf('-----BEGIN PGP SIGNATURE-----');
  test.each<[string, string]>([
    ['a byte order mark in front', `\uFEFF${signed}`],
    ['a space in front', ` ${signed}`],
    ['a line in front', `{}\n${signed}`],
    ['text after it', `${signed}{}`],
    ['itself after it', `${signed}${signed}`],
    ['another message after it', `${signed}-----BEGIN PGP SIGNED MESSAGE-----\n`],
    ['the first line of the text dropped', lines.toSpliced(body, 1).join('\n')],
    ['a line of the text dropped', lines.toSpliced(body + 9, 1).join('\n')],
    [
      'two lines swapped',
      lines
        .with(body + 5, lines[body + 6] ?? '')
        .with(body + 6, lines[body + 5] ?? '')
        .join('\n'),
    ],
    ['a line added', lines.toSpliced(body + 1, 0, '"x": 1,').join('\n')],
    ['a line of the signature dropped', lines.toSpliced(sig + 4, 1).join('\n')],
    ['its signature dropped', lines.slice(0, sig).join('\n')],
    ['its end dropped', signed.replace('-----END PGP SIGNATURE-----', '')],
    ['its Hash header dropped', signed.replace('Hash: SHA512\n', '')],
    ['another Hash header', signed.replace('Hash: SHA512', 'Hash: SHA256')],
    ['an unknown header', signed.replace('Hash: SHA512', 'Hash: SHA512\nCharset: utf-8')],
    ['text hidden as a header', signed.replace('Hash: SHA512', 'Hash: SHA512\n{"format": "index:1.0"}')],
    ['no blank line before the text', signed.replace('SHA512\n\n', 'SHA512\n')],
    ['a second blank line before the text', signed.replace('SHA512\n\n', 'SHA512\n\n\n')],
    ['a block within the text', signed.replace('{\n', '-----BEGIN X-----\n{\n')],
    [
      'a signature block that a carriage return hides',
      signed.replace('{\n', '--\r---BEGIN PGP SIGNATURE-----\n{\n'),
    ],
    ['only the words of a signature', '-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{}\n'],
  ])('is refused with %s', async (_, text) => {
    expect(await failureOf(verifyInline(text, ubuntu))).toMatch(/^Signature(Missing|Invalid)$/);
  });

  test('line ends as Windows writes them are what was signed', async () => {
    const { payload } = await verifyInline(signed.replaceAll('\n', '\r\n'), ubuntu);
    expect(payload).toBe((await verifyInline(signed, ubuntu)).payload);
  });

  test('the signature of another document does not fit', async () => {
    const other = await testKey();
    const theirs = await signInline([other.privateKey], { text: '{}' });
    const swapped =
      signed.slice(0, signed.indexOf('-----BEGIN PGP SIGNATURE')) +
      theirs.slice(theirs.indexOf('-----BEGIN PGP SIGNATURE'));
    expect(await failureOf(verifyInline(swapped, ubuntu))).toBe('SignatureKeyUnknown');
    expect(await failureOf(verifyInline(swapped, ring(other.publicKey)))).toBe('SignatureInvalid');
  });
});

describe('keys', () => {
  let known: Awaited<ReturnType<typeof testKey>>;
  let stranger: Awaited<ReturnType<typeof testKey>>;
  beforeAll(async () => {
    [known, stranger] = await Promise.all([testKey(), testKey()]);
  });

  test('a signature of a key that the keyring does not have is of an unknown key, by name', async () => {
    const signed = await signInline([stranger.privateKey]);
    const keyId = stranger.publicKey.getKeyID().toHex().toUpperCase();
    await expect(verifyInline(signed, ring(known.publicKey), 'x.sjson')).rejects.toThrow(
      `x.sjson is signed by ${keyId}`,
    );
    expect(await failureOf(verifyInline(signed, ring(known.publicKey)))).toBe('SignatureKeyUnknown');
  });

  test('one good signature of a known key is enough beside one of an unknown key', async () => {
    const signed = await signInline([stranger.privateKey, known.privateKey]);
    const { payload, signers } = await verifyInline(signed, ring(known.publicKey));
    expect(payload).toBe(TEXT);
    expect(signers.map(({ fingerprint }) => fingerprint)).toEqual([
      known.publicKey.getFingerprint().toUpperCase(),
    ]);
  });

  test('every known signer is named', async () => {
    const signed = await signInline([stranger.privateKey, known.privateKey]);
    expect((await verifyInline(signed, ring(known.publicKey, stranger.publicKey))).signers).toHaveLength(2);
  });

  test('a bad signature of a known key refuses, in spite of a good one', async () => {
    const [good, bad] = [
      await signInline([known.privateKey]),
      await signInline([stranger.privateKey], { text: '{}' }),
    ];
    const both = await withSignaturesOf(good, bad);
    expect(await failureOf(verifyInline(both, ring(known.publicKey)))).toBeUndefined();
    expect(await failureOf(verifyInline(both, ring(known.publicKey, stranger.publicKey)))).toBe(
      'SignatureInvalid',
    );
  });

  test('a key that expired since it signed still counts, one that had expired before does not', async () => {
    const expired = await testKey({ expiresAfterDays: 365 });
    const keyring = ring(expired.publicKey);
    expect(await failureOf(verifyInline(await signInline([expired.privateKey]), keyring))).toBeUndefined();
    const late = await signInline([expired.privateKey], { date: new Date('2022-06-01T00:00:00Z') });
    expect(await failureOf(verifyInline(late, keyring))).toBe('SignatureInvalid');
  });

  test.each([enums.reasonForRevocation.keySuperseded, enums.reasonForRevocation.keyCompromised])(
    'a revoked key counts for nothing, whenever it signed (reason %i)',
    async (flag) => {
      const signed = await signInline([known.privateKey]);
      const revoked = await revokeKey({
        key: known.privateKey,
        reasonForRevocation: { flag },
        format: 'object',
      });
      expect(await failureOf(verifyInline(signed, ring(revoked.publicKey)))).toBe('SignatureInvalid');
    },
  );

  test('SHA-1 signs no document', async () => {
    const signed = await signInline([known.privateKey], { hash: enums.hash.sha1 });
    expect(await failureOf(verifyInline(signed, ring(known.publicKey)))).toBe('SignatureInvalid');
  });

  test('a signature that has expired, or comes from the future, is none', async () => {
    const expired = await signInline([known.privateKey], { expiresAfter: 60 });
    const future = await signInline([known.privateKey], { date: new Date(Date.now() + 86_400_000) });
    for (const signed of [expired, future]) {
      expect(await failureOf(verifyInline(signed, ring(known.publicKey)))).toBe('SignatureInvalid');
    }
  });

  test('lines that begin with dashes come out as they were signed', async () => {
    const text = '-dash\n- dash\n-----BEGIN PGP SIGNATURE-----\nend';
    const { payload } = await verifyInline(
      await signInline([known.privateKey], { text }),
      ring(known.publicKey),
    );
    expect(payload).toBe('-dash\n- dash\n-----BEGIN PGP SIGNATURE-----\nend');
  });
});

describe('keyrings', () => {
  let folder: string;
  let one: Awaited<ReturnType<typeof testKey>>;
  let two: Awaited<ReturnType<typeof testKey>>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keyring-'));
    [one, two] = await Promise.all([testKey(), testKey()]);
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function load(name: string, content: string | Uint8Array): Promise<string[]> {
    await writeFile(join(folder, name), content);
    return fingerprints(await loadKeyring(join(folder, name)));
  }
  const fingerprints = (keyring: Keyring) => keyring.keys.map((key) => key.getFingerprint()).sort();
  const both = () => [one, two].map(({ publicKey }) => publicKey.getFingerprint()).sort();

  test('holds several keys a file, binary or armored', async () => {
    expect(await load('a.gpg', Buffer.concat([one.publicKey.write(), two.publicKey.write()]))).toEqual(
      both(),
    );
    expect(await load('b.asc', `comment\n${one.publicKey.armor()}\n${two.publicKey.armor()}`)).toEqual(
      both(),
    );
  });

  test('may be a folder, whose other files are not read', async () => {
    const inner = await mkdtemp(join(folder, 'ring-'));
    await writeFile(join(inner, 'one.asc'), one.publicKey.armor());
    await writeFile(join(inner, 'two.gpg'), two.publicKey.write());
    await writeFile(join(inner, 'README'), 'no key');
    expect(fingerprints(await loadKeyring(inner))).toEqual(both());
  });

  test('keeps the public part of a private key only', async () => {
    await writeFile(join(folder, 'private.asc'), one.privateKey.armor());
    const { keys } = await loadKeyring(join(folder, 'private.asc'));
    expect(keys.map((key) => key.isPrivate())).toEqual([false]);
  });

  test('a revocation in one copy of a key counts for all copies', async () => {
    const inner = await mkdtemp(join(folder, 'ring-'));
    const revoked = await revokeKey({ key: one.privateKey, format: 'object' });
    await writeFile(join(inner, 'a.asc'), one.publicKey.armor());
    await writeFile(join(inner, 'b.asc'), revoked.publicKey.armor());
    const signed = await signInline([one.privateKey]);
    expect(await failureOf(verifyInline(signed, await loadKeyring(inner)))).toBe('SignatureInvalid');
  });

  test.each([
    ['nothing there', undefined, 'KeyringMissing'],
    ['an empty file', '', 'KeyringInvalid'],
    ['a web page', '<html>', 'KeyringInvalid'],
    [
      'a broken key',
      '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----',
      'KeyringInvalid',
    ],
    ['a keybox', `\0\0\0\x20\x01\x01\0\0KBXf${'\0'.repeat(20)}`, 'KeyringInvalid'],
  ])('with %s in its place fails by name', async (_, content, code) => {
    const file = join(folder, 'bad.gpg');
    await rm(file, { force: true });
    if (content !== undefined) await writeFile(file, content, 'latin1');
    expect(await failureOf(loadKeyring(file))).toBe(code);
    await expect(loadKeyring(file)).rejects.toThrow(file);
  });

  test('an empty folder is no keyring', async () => {
    expect(await failureOf(loadKeyring(await mkdtemp(join(folder, 'empty-'))))).toBe('KeyringInvalid');
  });
});

test('a signature is required unless the operator says skip; by suffix only where the tools are imitated', () => {
  expect(policyFor('streams/v1/index.sjson')).toBe('require');
  expect(policyFor('streams/v1/index.json')).toBe('require');
  expect(policyFor('streams/v1/index.sjson', 'skip')).toBe('skip');
  expect(policyFor('streams/v1/index.sjson', 'suffix')).toBe('require');
  expect(policyFor('streams/v1/index.json', 'suffix')).toBe('skip');
});

test('with skip a signature is taken off unread and unsigned text is taken as it is', async () => {
  const signed =
    '-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{}\n-----BEGIN PGP SIGNATURE-----\n\nxx\n-----END PGP SIGNATURE-----\n';
  expect((await documentText(signed, 'x.sjson', 'skip', undefined)).text).toBe('{}');
  expect((await documentText('{}', 'x.json', 'skip', undefined)).text).toBe('{}');
});

test('a web page in the place of a signed document is called one', async () => {
  expect(await failureOf(documentText('<!doctype html><html>', 'x.sjson', 'require', ring()))).toBe(
    'DocumentInvalid',
  );
});

test('a line of a million spaces and a keyring of a hundred thousand beginnings are read in no time', async () => {
  const start = performance.now();
  const head = '-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n';
  await failureOf(
    verifyInline(
      `${head}${' '.repeat(1_000_000)}x\n-----BEGIN PGP SIGNATURE-----\n\nxx\n-----END PGP SIGNATURE-----\n`,
      ring(),
    ),
  );
  const beginnings = Buffer.from('-----BEGIN PGP PUBLIC KEY BLOCK-----\n'.repeat(100_000));
  expect(await failureOf(parseKeys(beginnings, 'keys'))).toBe('KeyringInvalid');
  expect(performance.now() - start).toBeLessThan(2000);
});

test('with require an unsigned text and a missing keyring are refused', async () => {
  expect(await failureOf(documentText('{}', 'x.json', 'require', ring()))).toBe('SignatureMissing');
  expect(await failureOf(documentText('{}', 'x.json', 'require', undefined))).toBe('KeyringMissing');
});
