import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createMirrorClient, type MirrorClient, type MirrorClientOptions } from '../../../mirrors/index.js';
import type { DownloadRequest } from '../../../staging/index.js';
import { MirrorServer } from '../../support/mirror-server.js';

export const MiB = 1024 * 1024;

export async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'image-stream-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export const image = (bytes: number): Buffer => randomBytes(bytes);

/** A mirror over a new folder with these files. */
export async function mirrorOf(files: Record<string, string | Uint8Array>): Promise<MirrorServer> {
  const root = await scratch();
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), bytes);
  }
  const mirror = await MirrorServer.start(root);
  onTestFinished(() => mirror.close());
  return mirror;
}

/** A client with patience for a test. */
export function client(options: MirrorClientOptions = {}): MirrorClient {
  const timeouts = { connectMs: 2000, headersMs: 4000, bodyMs: 1500, ...options.timeouts };
  const made = createMirrorClient({ ...options, timeouts });
  onTestFinished(() => made.close());
  return made;
}

export const never = (): AbortSignal => new AbortController().signal;

export function wanted(bytes: Buffer, from: MirrorClient, url: string): DownloadRequest {
  const hex = createHash('sha256').update(bytes).digest('hex');
  return {
    digest: { algorithm: 'sha256', hex },
    size: bytes.length,
    source: url,
    open: from.openRange(url),
    signal: never(),
  };
}
