import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MIB, type Running, type WorkerScene } from './worker-scene.js';

/** Byte from which each request for the image asked; 0 where it asked for all. */
export function offsets({ server, path }: WorkerScene): number[] {
  return server.to(path).map(({ headers }) => Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0));
}

/** `part SIZE` or `whole SIZE` for each image file in the staging folder of the usual host. */
export async function staged({ bench }: WorkerScene): Promise<string[]> {
  const folder = join(bench.staging, 'sha256');
  const names = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}(\.part)?$/.test(name));
  return Promise.all(
    names.map(async (name) => {
      const { size } = await stat(join(folder, name));
      return `${name.endsWith('.part') ? 'part' : 'whole'} ${size}`;
    }),
  );
}

/**
 * Waits until the worker, which resumed a download, reads back what it staged to hash it: the mirror has sent everything, so
 * whatever the process reads from then on is the disk.
 */
export async function untilHashing(scene: WorkerScene, worker: Running, size: number): Promise<void> {
  const isSent = () => {
    const last = scene.server.to(scene.path).at(-1);
    return last?.headers.range !== undefined && last.bytes === size - (offsets(scene).at(-1) ?? 0);
  };
  while (!isSent()) await sleep(5);
  const before = await bytesRead(worker);
  while ((await bytesRead(worker)) - before < 16 * MIB) await sleep(5);
}

/** What a process has read so far, from wherever. */
async function bytesRead({ pid }: Running): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile(`/proc/${pid}/io`, 'utf8'))?.[1]);
}
