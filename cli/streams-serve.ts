import { isIP } from 'node:net';
import type { Command } from 'commander';
import { ImageStreamError } from '../contracts/errors.js';
import { serveDirectory } from '../mirrors/index.js';

/** Adds `streams serve DIR`: the folder as a mirror over HTTP, until the process is interrupted. */
export function registerStreamsServe(streams: Command): void {
  streams
    .command('serve <dir>')
    .description('serve a mirror folder over HTTP; the address is the first line of output')
    .option('--listen <host:port>', 'address to listen on; port 0 takes a free one', '127.0.0.1:0')
    .action(async (dir: string, options: { listen: string }) => {
      const { host, port } = parseListen(options.listen);
      const server = await serveDirectory(dir, host, port);
      const interrupted = new Promise<void>((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
      });
      process.stdout.write(`${server.url}\n`);
      await interrupted;
      await server.close();
    });
}

/** @throws {ImageStreamError} Usage */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3] ?? NaN);
  const usable = isIP(host) !== 0 || /^[a-z0-9.-]+$/i.test(host);
  if (usable && port <= 65_535) return { host, port };
  const message = `${JSON.stringify(text)} is no address to listen on`;
  throw new ImageStreamError('Usage', message, { hint: 'Write it as 127.0.0.1:8080.' });
}
