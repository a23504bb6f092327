import type { MirrorSettings } from '../config/index.js';
import { createMirrorClient, type MirrorClient } from '../mirrors/index.js';

/** One HTTP client for all mirrors, so that connections are used again. */
export class MirrorSources {
  private client: MirrorClient | undefined;

  constructor(private readonly build: string) {}

  of(_mirror: MirrorSettings): MirrorClient {
    this.client ??= createMirrorClient({ userAgent: `image-stream/${this.build}` });
    return this.client;
  }

  async close(): Promise<void> {
    await this.client?.close();
  }
}
