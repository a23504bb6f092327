import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { GlanceImage, Session } from '../../openstack/index.js';
import { Workbench } from './cli.js';
import { uniqueName } from './cloud.js';
import { imagesOf, leaveNoTrace } from './leave-no-trace.js';
import { MirrorServer } from './mirror-server.js';
import { writeOwnCloud, type OtherCloud } from './own-cloud.js';
import type { ServiceProxy } from './service-proxy.js';
import { makeSmallMirror, ubuntuProduct, type SmallMirror } from './small-mirror.js';

export const VERSION = '20240101';

const resultSchema = z.object({
  runs: z.array(
    z.object({
      error: z.object({ code: z.string() }).optional(),
      regions: z
        .array(
          z.object({
            added: z.number(),
            failures: z.array(z.object({ product: z.string(), code: z.string(), message: z.string() })),
          }),
        )
        .default([]),
    }),
  ),
});

export interface Outcome {
  code: number | null;
  stderr: string;
  added: number;
  /** `code: message` of each item that failed, by its name. */
  failed: Record<string, string>;
  /** The code that the run ended with, where it failed. */
  error: string | undefined;
}

/** A workbench with a mirror of images that a test calls by names, and a cloud that it reaches by ways of the test's own. */
export class FaultScene {
  readonly container: string;

  private constructor(
    readonly contentId: string,
    readonly region: string,
    readonly bench: Workbench,
    readonly mirror: SmallMirror,
    readonly server: MirrorServer,
    private readonly session: Session,
  ) {
    this.container = contentId;
  }

  /** `sizes`: bytes of each image by its name; over 1 MiB it gets a workflow of its own. */
  static async open(
    session: Session,
    sizes: Record<string, number>,
    options: { region?: string; publish?: boolean } = {},
  ): Promise<FaultScene> {
    const { region = 'RegionOne', publish = false } = options;
    const contentId = uniqueName('faults');
    const bench = await Workbench.open('faults');
    const items = Object.entries(sizes).map(([name, size]) => ({
      product: ubuntuProduct(name),
      version: VERSION,
      size,
    }));
    const mirror = await makeSmallMirror(bench.mirrorRoot, items);
    const server = await MirrorServer.start(bench.mirrorRoot);
    await bench.configure({
      clouds: [
        {
          name: 'local',
          regions: [region],
          publish: publish ? { to: 'swift', container: contentId, prefix: 'data/' } : 'none',
        },
      ],
      mirrors: [
        {
          name: 'ubuntu',
          url: server.url,
          path: mirror.indexPath,
          signature: 'skip',
          content_id: contentId,
          name_prefix: `${contentId}/`,
          small_item_limit: '1MiB',
          concurrency: 16,
        },
      ],
    });
    return new FaultScene(contentId, region, bench, mirror, server, session);
  }

  /** Leads the command's calls to services through proxies that keep the services' paths. */
  async through(
    services: { image?: ServiceProxy; 'object-store'?: ServiceProxy },
    other: OtherCloud = {},
  ): Promise<void> {
    const entry = Object.entries(services).map(([type, proxy]) => {
      const { pathname } = new URL(this.session.endpoint(type, this.region));
      return [`${type.replace('-', '_')}_endpoint_override`, proxy.url + pathname] as const;
    });
    await writeOwnCloud(this.bench, { ...other, entry: { ...Object.fromEntries(entry), ...other.entry } });
  }

  async sync(...args: string[]): Promise<Outcome> {
    const { code, stdout, stderr } = await this.bench.run(['--output', 'json', 'sync', ...args]);
    const { runs } = stdout === '' ? { runs: [] } : resultSchema.parse(JSON.parse(stdout) as unknown);
    const regions = runs.flatMap((run) => run.regions);
    return {
      code,
      stderr,
      added: regions.reduce((sum, { added }) => sum + added, 0),
      failed: Object.fromEntries(
        regions
          .flatMap(({ failures }) => failures)
          .map((one) => [nameOf(one.product), `${one.code}: ${one.message}`]),
      ),
      error: runs[0]?.error?.code,
    };
  }

  /** All images under the content id, whatever their status, by their names. */
  async held(): Promise<Record<string, GlanceImage[]>> {
    const byName: Record<string, GlanceImage[]> = {};
    for (const image of await imagesOf(this.session, this.region, this.contentId)) {
      (byName[nameOf(image.properties.product_name ?? '')] ??= []).push(image);
    }
    return byName;
  }

  /** What `held` says of an image that is there once, whole, shown and has the mirror's bytes. */
  async whole(name: string): Promise<Record<string, unknown>[]> {
    const content = await readFile(join(this.mirror.root, this.mirror.file(ubuntuProduct(name), VERSION)));
    const md5 = createHash('md5').update(content).digest('hex');
    return [{ status: 'active', visibility: 'public', size: content.length, checksum: md5 }];
  }

  async close(): Promise<void> {
    await this.bench.close();
    await this.server.close();
    const { contentId, container } = this;
    await leaveNoTrace(this.session, this.region, { contentIds: [contentId], container });
  }
}

function nameOf(product: string): string {
  return product.split(':')[2] ?? product;
}
