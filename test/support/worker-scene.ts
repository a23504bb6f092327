import type { ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { load } from 'js-yaml';
import { registerSearchAttributes } from '../../cli/embedded/search-attributes.js';
import { Swift, type Session } from '../../openstack/index.js';
import { Workbench, type Finished } from './cli.js';
import { localCloudEnv, uniqueName } from './cloud.js';
import { leaveNoTrace } from './leave-no-trace.js';
import { MirrorServer } from './mirror-server.js';
import { ServiceProxy } from './service-proxy.js';
import { makeSmallMirror, ubuntuProduct, type MirrorItem, type SmallMirror } from './small-mirror.js';
import type { TemporalServer } from './temporal-server.js';

export const MIB = 1024 * 1024;
export const REGION = 'RegionOne';
export const noble = ubuntuProduct('24.04');
export const VERSION = '20240101';

export type Running = ChildProcess & { finished: Promise<Finished> };

export interface SceneOptions {
  session: Session;
  temporal: TemporalServer;
  /** One image of noble of 20 MiB, unless said otherwise. */
  items?: MirrorItem[];
  /** Whether metadata goes into a container of Swift of the scene's own. @default false */
  publish?: boolean;
  /** Whether the search attributes are registered. @default true */
  attributes?: boolean;
  /** More keys of the mirror's configuration. */
  settings?: Record<string, unknown>;
}

/**
 * A namespace of Temporal, a mirror and a configuration, all of a test's own, with proxies before Glance and Swift: where worker
 * processes can be stopped at any step, killed, and followed by others.
 */
export class WorkerScene {
  readonly #workers = new Set<Running>();

  private constructor(
    readonly session: Session,
    readonly bench: Workbench,
    readonly server: MirrorServer,
    readonly mirror: SmallMirror,
    readonly items: readonly MirrorItem[],
    readonly glance: ServiceProxy,
    readonly swift: ServiceProxy,
    /** Names the namespace and the container, too. */
    readonly contentId: string,
    readonly env: NodeJS.ProcessEnv,
  ) {}

  static async open(name: string, options: SceneOptions): Promise<WorkerScene> {
    const { session, temporal, publish = false, settings = {} } = options;
    const items = options.items ?? [{ product: noble, version: VERSION, size: 20 * MIB }];
    const contentId = uniqueName(name);
    await makeNamespace(temporal, contentId, options.attributes ?? true);
    const bench = await Workbench.open(name);
    const mirror = await makeSmallMirror(bench.mirrorRoot, items);
    const server = await MirrorServer.start(bench.mirrorRoot);
    await session.catalogue();
    const glance = await ServiceProxy.start(session.endpoint('image', REGION));
    const objectStore = await new Swift(session, REGION).accountUrl('public');
    const swift = await ServiceProxy.start(objectStore);
    const clouds = join(bench.folder, 'clouds.yaml');
    await writeCloud(clouds, {
      image_endpoint_override: behind(glance, session.endpoint('image', REGION)),
      object_store_endpoint_override: behind(swift, objectStore),
    });
    await bench.configure({
      clouds: [
        {
          name: 'local',
          regions: [REGION],
          // The catalogue is shared with the scenes beside this one.
          advertise: false,
          publish: publish ? { to: 'swift', container: contentId, prefix: 'data/' } : 'none',
        },
      ],
      mirrors: [
        {
          name: 'ubuntu',
          url: server.url,
          path: 'streams/v1/index.json',
          signature: 'skip',
          content_id: contentId,
          name_prefix: `${contentId}/`,
          // All of them as images of their own, with a workflow each.
          small_item_limit: 1000,
          // A mirror that a test stalls stays so until the test goes on, however loaded the machine is.
          stall_timeout: '10m',
          ...settings,
        },
      ],
    });
    const env = { ...temporal.env, TEMPORAL_NAMESPACE: contentId, OS_CLIENT_CONFIG_FILE: clouds };
    return new WorkerScene(session, bench, server, mirror, items, glance, swift, contentId, env);
  }

  /** Path at the mirror of the first item's file. */
  get path(): string {
    const [first] = this.items;
    return this.mirror.file(first?.product ?? '', first?.version ?? '', first?.item);
  }

  /** A worker process that is ready; `host` names a cache, and with it a staging folder, of its own. */
  async worker(host = 'cache'): Promise<Running> {
    const worker = this.bench.start(['worker'], {
      ...this.env,
      XDG_CACHE_HOME: join(this.bench.folder, host),
    });
    this.#workers.add(worker);
    await untilSaid(worker, 'worker is ready');
    return worker;
  }

  /** The command that starts the run, or joins the one under way; its JSON comes when the run has ended. */
  sync(): Running {
    return this.bench.start(['--output', 'json', 'sync'], this.env);
  }

  /** Bytes of the first item's file that the mirror sent. */
  served(): number {
    return this.server.bytes(this.path);
  }

  async untilServed(bytes: number): Promise<void> {
    while (this.served() < bytes) await sleep(20);
  }

  async close(): Promise<void> {
    await this.bench.close();
    await Promise.all([...this.#workers].map(({ finished }) => finished));
    await Promise.all([this.server.close(), this.glance.close(), this.swift.close()]);
    await leaveNoTrace(this.session, REGION, { contentIds: [this.contentId], container: this.contentId });
  }
}

/** A namespace that was made just now is not known to every part of the server yet. */
export async function whenKnown<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 60) throw error;
      await sleep(500);
    }
  }
}

/** SIGKILL, and the process is gone. */
export async function killed(child: Running): Promise<void> {
  child.kill('SIGKILL');
  await child.finished;
}

async function makeNamespace(
  { address }: TemporalServer,
  namespace: string,
  attributes: boolean,
): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    if (attributes) await whenKnown(() => registerSearchAttributes(connection, namespace));
  } finally {
    await connection.close();
  }
}

async function writeCloud(path: string, overrides: Record<string, string>): Promise<void> {
  const { OS_CLIENT_CONFIG_FILE: source = '' } = localCloudEnv();
  const { clouds } = load(await readFile(source, 'utf8')) as { clouds: { local: object } };
  const text = JSON.stringify({ clouds: { local: { ...clouds.local, ...overrides } } });
  await writeFile(path, text, { mode: 0o600 });
}

function behind(proxy: ServiceProxy, endpoint: string): string {
  return proxy.url + new URL(endpoint).pathname.replace(/\/$/, '');
}

async function untilSaid(child: Running, text: string): Promise<void> {
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(text)) resolve();
    });
    child.once('exit', () => reject(new Error(`it ended and said: ${said}`)));
  });
}
