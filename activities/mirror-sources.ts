import type { MirrorSettings } from '../config/index.js';
import { createMirrorClient, type MirrorClient } from '../mirrors/index.js';

/** One HTTP client for all mirrors of the same patience, so that connections are used again. */
export class MirrorSources {
  private readonly clients = new Map<string, MirrorClient>();

  constructor(private readonly build: string) {}

  of({ stallTimeout, slowLimit, slowWindow }: MirrorSettings): MirrorClient {
    const key = [stallTimeout, slowLimit, slowWindow].join(' ');
    const known = this.clients.get(key);
    if (known) return known;
    const client = createMirrorClient({
      userAgent: `image-stream/${this.build}`,
      timeouts: {
        headersMs: stallTimeout,
        bodyMs: stallTimeout,
        minimum: { bytes: slowLimit, windowMs: slowWindow },
      },
    });
    this.clients.set(key, client);
    return client;
  }

  async close(): Promise<void> {
    await Promise.all([...this.clients.values()].map((client) => client.close()));
  }
}
