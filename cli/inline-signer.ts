import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createCleartextMessage, decryptKey, readPrivateKey, sign, type PrivateKey } from 'openpgp';
import { ImageStreamError } from '../contracts/errors.js';
import { verifyInline } from '../simplestreams/index.js';

/** Signs a text inline. */
export type InlineSigner = (text: string) => Promise<string>;

/**
 * Signs with a private key in a file, armored or binary. Each text is verified with the public half before it is handed out.
 * @param passphrase asked for only where the key is locked
 * @throws {ImageStreamError} SigningFailed
 */
export async function keySigner(
  file: string,
  passphrase: () => Promise<string | undefined>,
): Promise<InlineSigner> {
  const key = await unlocked(await readKeyFile(file), file, passphrase);
  const keyring = { path: file, keys: [key.toPublic()] };
  return async (text) => {
    try {
      const signed = await sign({ message: await createCleartextMessage({ text }), signingKeys: key });
      await verifyInline(signed, keyring, 'the text just signed');
      return signed;
    } catch (error) {
      throw failed(`the key ${file} does not sign: ${reason(error)}`, error);
    }
  };
}

/** Signs with a key that gpg knows, its agent asking for the passphrase if need be. */
export function gpgSigner(keyId: string, environment: NodeJS.ProcessEnv): InlineSigner {
  if (keyId.startsWith('-')) throw new ImageStreamError('Usage', `${JSON.stringify(keyId)} is no key id`);
  const args = [
    '--batch',
    '--yes',
    '--local-user',
    keyId,
    '--digest-algo',
    'SHA512',
    '--clearsign',
    '--output',
    '-',
  ];
  return (text) => gpg(args, text, environment);
}

function gpg(args: string[], input: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('gpg', args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    const [output, errors]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    child.on('error', (error) => reject(failed(`gpg cannot be run: ${error.message}`, error)));
    child.on('close', (status) => {
      if (status === 0) return resolve(Buffer.concat(output).toString('utf8'));
      const said = Buffer.concat(errors).toString('utf8').trim().split('\n').at(-1) ?? '';
      reject(failed(`gpg does not sign: ${said || `it ended with ${String(status)}`}`));
    });
    // gpg may end before it has read everything; its status says why.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

async function readKeyFile(file: string): Promise<PrivateKey> {
  try {
    const bytes = await readFile(file);
    const text = bytes.toString('latin1');
    return text.includes('-----BEGIN PGP')
      ? await readPrivateKey({ armoredKey: text })
      : await readPrivateKey({ binaryKey: bytes });
  } catch (error) {
    throw failed(`${file} is no private key: ${reason(error)}`, error);
  }
}

async function unlocked(
  key: PrivateKey,
  file: string,
  passphrase: () => Promise<string | undefined>,
): Promise<PrivateKey> {
  if (key.isDecrypted()) return key;
  const secret = await passphrase();
  if (secret === undefined) {
    throw failed(
      `the key ${file} is locked and no passphrase was given`,
      undefined,
      'Use --passphrase-file or --passphrase-env.',
    );
  }
  try {
    return await decryptKey({ privateKey: key, passphrase: secret });
  } catch (error) {
    throw failed(`the passphrase does not open the key ${file}`, error, 'Check the passphrase.');
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function failed(message: string, cause?: unknown, hint?: string): ImageStreamError {
  return new ImageStreamError('SigningFailed', message, { cause, ...(hint === undefined ? {} : { hint }) });
}
