import { readFile, rename, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { ImageStreamError } from '../contracts/errors.js';
import { printableUrl } from '../contracts/urls.js';
import { parseKeys } from '../simplestreams/index.js';
import { withFetcher, type DocumentFetcher } from './document-fetcher.js';
import { processIo, type Io } from './io.js';

/**
 * Keys that may be fetched, by the fingerprint that decides. Ubuntu's is the one of the package ubuntu-cloudimage-keyring: "Ubuntu Cloud
 * Image Builder", which signs cloud-images.ubuntu.com's streams.
 */
const PINNED = {
  ubuntu: '4A3CE3CD565D7EB5C810E2B97FF3F408476CF100',
} as const;

const DEFAULT_SERVER = 'https://keyserver.ubuntu.com';
const DEFAULT_FILE = 'ubuntu-cloudimage-keyring.gpg';
const ANSWER_LIMIT = 1024 * 1024;

/** Adds `keys fetch ubuntu`: Ubuntu's key from a key server, accepted by its pinned fingerprint only. */
export function registerKeysFetch(keys: Command, io: Io = processIo()): void {
  keys
    .command('fetch')
    .description('fetch the key of a well-known mirror; only the pinned fingerprint is accepted')
    .argument('<name>', 'ubuntu')
    .option('--server <url>', 'key server', DEFAULT_SERVER)
    .addOption(
      new Option('--out <file>', 'where to write the key; armored if it ends in .asc').default(DEFAULT_FILE),
    )
    .action(async (name: string, { server, out }: { server: string; out: string }) => {
      if (name !== 'ubuntu')
        throw new ImageStreamError('Usage', `there is no pinned key named ${JSON.stringify(name)}`);
      const fingerprint = PINNED[name];
      await withFetcher(io.cwd, (fetch) =>
        fetchKey({ server, fingerprint, out: resolve(io.cwd, out) }, fetch),
      );
      io.out(`${fingerprint} is in ${out}; set keyring: ${out} in the mirror's configuration\n`);
    });
}

export interface KeyRequest {
  /** https, http, hkps or hkp. */
  readonly server: string;
  /** 40 hexadecimal digits. */
  readonly fingerprint: string;
  readonly out: string;
}

/**
 * Fetches one key over HKP and writes it to a file of its own. Other keys in the answer are left out.
 * @throws {ImageStreamError} KeyFetchFailed, KeyMismatch, Usage when the file holds something else
 */
export async function fetchKey(
  { server, fingerprint, out }: KeyRequest,
  fetch: DocumentFetcher,
): Promise<void> {
  await refuseOtherContent(out, fingerprint);
  const url = lookupUrl(server, fingerprint);
  const keys = await parseKeys(await answerOf(url, fetch), 'answer').catch((error: unknown) => {
    throw failed(url, 'answered something else than a key', error);
  });
  const key = keys.find((candidate) => candidate.getFingerprint().toUpperCase() === fingerprint);
  if (!key) {
    const got = keys.map((other) => other.getFingerprint().toUpperCase()).join(', ');
    throw new ImageStreamError('KeyMismatch', `${printableUrl(url)} answered ${got} and not ${fingerprint}`);
  }
  if (await key.isRevoked()) {
    throw new ImageStreamError('KeyMismatch', `the key ${fingerprint} is revoked`, {
      hint: 'Do not trust what it signs.',
    });
  }
  const partial = `${out}.part`;
  await writeFile(partial, out.endsWith('.asc') ? key.armor() : key.write(), { mode: 0o644 });
  await rename(partial, out);
}

function lookupUrl(server: string, fingerprint: string): string {
  const http = server
    .replace(/^hkps:\/\//i, 'https://')
    .replace(/^hkp:\/\/([^/:]+)(?=\/|$)/i, 'http://$1:11371');
  try {
    const url = new URL('/pks/lookup', http.replace(/^hkp:/i, 'http:'));
    if (!/^https?:$/.test(url.protocol)) throw new TypeError('no web address');
    url.search = `op=get&options=mr&exact=on&search=0x${fingerprint}`;
    return url.href;
  } catch (error) {
    throw new ImageStreamError('Usage', `${printableUrl(server)} is no address of a key server`, {
      hint: `Write it as ${DEFAULT_SERVER}.`,
      cause: error,
    });
  }
}

async function answerOf(url: string, fetch: DocumentFetcher): Promise<Uint8Array> {
  try {
    return await fetch(url, ANSWER_LIMIT);
  } catch (error) {
    throw failed(
      url,
      `did not give the key: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
}

function failed(url: string, reason: string, cause: unknown): ImageStreamError {
  return new ImageStreamError('KeyFetchFailed', `the key server ${printableUrl(url)} ${reason}`, { cause });
}

/** A keyring that somebody keeps other keys in must not be lost. */
async function refuseOtherContent(out: string, fingerprint: string): Promise<void> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(out);
  } catch {
    return;
  }
  const keys = await parseKeys(bytes, out).catch(() => []);
  if (keys.length === 1 && keys[0]?.getFingerprint().toUpperCase() === fingerprint) return;
  throw new ImageStreamError('Usage', `${out} is there and holds something else`, {
    hint: 'Name another file with --out.',
  });
}
