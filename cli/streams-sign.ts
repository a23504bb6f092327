import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ImageStreamError } from '../contracts/errors.js';
import { gpgSigner, keySigner, type InlineSigner } from './inline-signer.js';
import { processIo, type Io } from './io.js';
import { signStream } from './sign-stream.js';

interface SignOptions {
  key?: string;
  gpgKey?: string;
  passphraseFile?: string;
  passphraseEnv: string;
}

/** Adds `streams sign DIR`: signed twins (`.sjson`) of all documents of a mirror. */
export function registerStreamsSign(streams: Command, io: Io = processIo()): void {
  streams
    .command('sign <dir>')
    .description('sign the documents of a mirror inline (.sjson beside .json)')
    .option('--key <file>', 'OpenPGP private key, armored or binary')
    .option('--gpg-key <id>', 'key that gpg knows, by id, fingerprint or address')
    .option('--passphrase-file <file>', 'file whose first line opens the key')
    .option(
      '--passphrase-env <variable>',
      'environment variable that opens the key',
      'IMAGE_STREAM_PASSPHRASE',
    )
    .action(async (dir: string, options: SignOptions) => runSign(dir, options, io));
}

/** @throws {ImageStreamError} Usage, SigningFailed, DocumentInvalid, UnsafePath */
async function runSign(dir: string, options: SignOptions, io: Io): Promise<void> {
  const written = await signStream(resolve(io.cwd, dir), await signerOf(options, io));
  io.out(written.map((path) => `signed ${path}\n`).join(''));
}

async function signerOf(options: SignOptions, io: Io): Promise<InlineSigner> {
  if (options.key !== undefined && options.gpgKey === undefined) {
    return keySigner(resolve(io.cwd, options.key), () => passphrase(options, io));
  }
  if (options.gpgKey !== undefined && options.key === undefined) return gpgSigner(options.gpgKey, io.env);
  throw new ImageStreamError('Usage', 'one of --key and --gpg-key is needed');
}

/** Never an argument, which every user of the machine could read. */
async function passphrase(
  { passphraseFile, passphraseEnv }: SignOptions,
  io: Io,
): Promise<string | undefined> {
  if (passphraseFile === undefined) return io.env[passphraseEnv];
  try {
    const text = await readFile(resolve(io.cwd, passphraseFile), 'utf8');
    return text.split(/\r?\n/, 1)[0];
  } catch (error) {
    throw new ImageStreamError('Usage', `the passphrase file ${passphraseFile} cannot be read`, {
      cause: error,
    });
  }
}
