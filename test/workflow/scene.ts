import { ApplicationFailure } from '@temporalio/common';
import type { WorkflowHandle } from '@temporalio/client';
import { Context } from '@temporalio/activity';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll } from 'vitest';
import type { Activities, MirrorRun } from '../../contracts/activities.js';
import type { ErrorCode } from '../../contracts/error-codes.js';
import { workflowId } from '../../contracts/ids.js';
import { TaskQueue, WorkflowType } from '../../contracts/names.js';
import type { ImageItem, PlanPage, TargetRef } from '../../contracts/sync.js';
import type { SyncMirrorInput, SyncMirrorResult, SyncRegionInput } from '../../contracts/workflows.js';
import { startTemporal, startWorkers, type RunningWorkers } from '../support/temporal.js';

const NAMES = [
  'loadMirror',
  'resolveRegions',
  'fetchIndex',
  'verifyIndex',
  'awaitServices',
  'probeRights',
  'planSync',
  'compareMetadata',
  'claimStaging',
  'stagingAlive',
  'downloadImage',
  'verifyChecksum',
  'uploadImage',
  'finaliseImage',
  'syncSmallItem',
  'removeImages',
  'requestPublish',
  'publishProducts',
  'publishIndex',
  'registerEndpoints',
  'recordSource',
] as const satisfies (keyof Activities)[];

/** As plain functions, so that a test can keep one and wrap it. */
type Fakes = {
  [Name in keyof Activities]: (...args: Parameters<Activities[Name]>) => ReturnType<Activities[Name]>;
};

export interface Call {
  name: keyof Activities;
  request: unknown;
  attempt: number;
  /** The item, where the request has one. */
  item?: string;
}

/** A failure as an activity's wrapper throws it. */
export function failure(type: ErrorCode, message: string = type, hint = ''): ApplicationFailure {
  return ApplicationFailure.create({ type, message, nonRetryable: true, details: [{ hint }] });
}

/** One that Temporal tries again. */
export function passing(type: ErrorCode): ApplicationFailure {
  return ApplicationFailure.create({ type, message: type, nonRetryable: false, nextRetryDelay: '100ms' });
}

/** Settles when the run that asked is cancelled, as a transfer does. */
export async function untilCancelled(): Promise<never> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), 200);
  try {
    return await context.cancelled;
  } finally {
    clearInterval(beat);
  }
}

export function image(name: string, more: Partial<ImageItem> = {}): ImageItem {
  return {
    key: name,
    workflowId: '',
    action: 'upload',
    contentId: 'auto.sync',
    sourceContentId: 'source',
    product: 'product',
    version: '1',
    item: name,
    path: `images/${name}`,
    size: 100_000_000,
    digest: { algorithm: 'sha256', hex: 'a'.repeat(64) },
    image: { name, diskFormat: 'qcow2', containerFormat: 'bare', visibility: 'public', properties: {} },
    release: 'noble',
    arch: 'amd64',
    ...more,
  };
}

/**
 * A mirror of its own, so that scenes run side by side on one server: a small cloud in memory behind the activities, every call
 * noted, every activity replaceable.
 */
export class Scene {
  readonly calls: Call[] = [];
  /** What the mirror has, by region where it differs. */
  wanted: ImageItem[] = [];
  /** Keys of what the cloud has, by region. */
  readonly present = new Set<string>();
  regions: Record<string, string[]> = { prod: ['RegionOne'] };
  settings: MirrorRun['settings'] = {
    concurrency: 4,
    smallItemLimit: 16 * 2 ** 20,
    transferTimeoutMs: 60_000,
    publish: false,
  };
  readonly activities: Fakes;

  constructor(
    readonly mirror: string,
    private readonly env: TestWorkflowEnvironment,
  ) {
    this.activities = this.defaults();
  }

  get run() {
    return { mirror: this.mirror, configurationDigest: 'digest' };
  }

  target(region = 'RegionOne', cloud = 'prod'): TargetRef {
    return { cloud, region, fingerprint: { authUrl: 'http://keystone/v3', projectId: 'p' } };
  }

  /** Images of this scene: each has the workflow id that is its lock. */
  images(...names: string[]): ImageItem[] {
    return names.map((name) => image(name, { workflowId: `image/${this.mirror}/${name}` }));
  }

  called(name: keyof Activities): Call[] {
    return this.calls.filter((call) => call.name === name);
  }

  /** Items that an activity was called with, in order. */
  items(name: keyof Activities): (string | undefined)[] {
    return this.called(name).map(({ item }) => item);
  }

  async start(input: Partial<SyncMirrorInput> = {}): Promise<WorkflowHandle> {
    return this.env.client.workflow.start(WorkflowType.syncMirror, {
      workflowId: workflowId.syncMirror(this.mirror),
      taskQueue: TaskQueue.main,
      args: [{ mirror: this.mirror, waitMs: 5_000, ...input }],
      memo: { build: 'test' },
    });
  }

  async sync(input: Partial<SyncMirrorInput> = {}): Promise<SyncMirrorResult> {
    const handle = await this.start(input);
    return (await handle.result()) as SyncMirrorResult;
  }

  async startRegion(input: Partial<SyncRegionInput> = {}): Promise<WorkflowHandle> {
    return this.env.client.workflow.start(WorkflowType.syncRegion, {
      workflowId: workflowId.syncRegion(workflowId.syncMirror(this.mirror), 'prod', 'RegionOne'),
      taskQueue: TaskQueue.main,
      args: [this.regionInput(input)],
    });
  }

  regionInput(more: Partial<SyncRegionInput> = {}): SyncRegionInput {
    return {
      run: this.run,
      target: this.target(),
      documents: [],
      settings: this.settings,
      waitMs: 5_000,
      dryRun: false,
      ...more,
    };
  }

  describe(id: string) {
    return this.env.client.workflow.getHandle(id).describe();
  }

  async attribute(id: string, name: string): Promise<unknown> {
    const { typedSearchAttributes } = await this.describe(id);
    return typedSearchAttributes.getAll().find(({ key }) => key.name === name)?.value;
  }

  private defaults(): Fakes {
    const there = ({ region }: TargetRef, { key }: ImageItem) => `${region}/${key}`;
    return {
      loadMirror: async ({ mirror }) => ({
        run: this.run,
        syncId: workflowId.syncMirror(mirror),
        path: 'streams/v1/index.json',
        clouds: Object.keys(this.regions),
        settings: this.settings,
        cloudDescriptions: ['prod http://keystone/v3 user project'],
        build: 'test',
      }),
      resolveRegions: async ({ cloud, parentId }) => ({
        fingerprint: this.target().fingerprint,
        regions: (this.regions[cloud] ?? []).map((region) => ({
          region,
          workflowId: workflowId.syncRegion(parentId, cloud, region),
        })),
      }),
      fetchIndex: async ({ path }) => ({ path, sha256: 'a'.repeat(64), size: 1 }),
      verifyIndex: async () => ({ kind: 'products', signers: [], walk: { pending: [], seen: [] } }),
      awaitServices: async () => ({ endpoints: [] }),
      probeRights: async () => {},
      planSync: async ({ target, position, pageSize }) => {
        const open = this.wanted.filter(
          (one) => !this.present.has(there(target, one)) && !position.failed.includes(one.key),
        );
        const rest = open.filter(({ key }) => key > position.cursor);
        const items = rest.slice(0, pageSize);
        const upload = open.filter(({ action }) => action === 'upload').length;
        return {
          ...emptyPage(),
          items,
          counts: {
            upload,
            finalise: open.length - upload,
            remove: 0,
            unchanged: this.wanted.length - open.length,
            bytes: 0,
          },
          next: rest.length > items.length ? (items.at(-1)?.key ?? '') : '',
        };
      },
      compareMetadata: async () => ({
        images: 1,
        publicUrl: 'http://swift/simplestreams/data',
        differences: [],
        differenceCount: 0,
        notes: [],
      }),
      claimStaging: async () => ({ stagingId: 'shared' }),
      stagingAlive: async () => true,
      downloadImage: async ({ item }) => ({ fetchedBytes: item.size, resumedFrom: 0 }),
      verifyChecksum: async ({ item }) => ({ size: item.size }),
      uploadImage: async ({ item }) => ({ imageId: `id-${item.key}`, uploadedBytes: item.size }),
      finaliseImage: async ({ target, item }) => {
        this.present.add(there(target, item));
      },
      syncSmallItem: async ({ target, item }) => {
        this.present.add(there(target, item));
        return { imageId: `id-${item.key}`, uploadedBytes: item.size, fetchedBytes: item.size };
      },
      removeImages: async ({ removals }) => ({
        removed: removals.length,
        retired: 0,
        kept: [],
        failures: [],
      }),
      requestPublish: async () => ({
        products: 'written',
        index: 'written',
        images: 1,
        publicUrl: 'http://swift/simplestreams/data',
      }),
      publishProducts: async () => ({
        products: 'written',
        index: 'none',
        images: 1,
        publicUrl: 'http://swift/data',
      }),
      publishIndex: async () => ({
        products: 'unchanged',
        index: 'written',
        images: 0,
        publicUrl: 'http://swift/data',
      }),
      recordSource: async () => ({ warnings: [] }),
      registerEndpoints: async ({ publicUrl }) => ({ state: 'created', url: publicUrl }),
    };
  }
}

export function emptyPage(): PlanPage {
  return {
    items: [],
    removals: [],
    counts: { upload: 0, finalise: 0, remove: 0, unchanged: 0, bytes: 0 },
    next: '',
    failures: [],
    unstable: [],
    warnings: [],
  };
}

/** The parts of a request by which its scene and item are known. */
interface Routed {
  mirror?: string;
  run?: { mirror: string };
  item?: { key: string };
  stagingId?: string;
}

/** A server and workers for the tests of a file, and scenes on them. */
export function stage() {
  const scenes = new Map<string, Scene>();
  let env: TestWorkflowEnvironment;
  let workers: RunningWorkers;

  const activities = Object.fromEntries(
    NAMES.map((name) => [
      name,
      async (request: Routed): Promise<unknown> => {
        const mirror = request.mirror ?? request.run?.mirror ?? request.stagingId?.split('.')[0] ?? '';
        const scene = scenes.get(mirror);
        if (!scene) throw failure('Internal', `No scene ${mirror}`);
        const { attempt } = Context.current().info;
        scene.calls.push({ name, request, attempt, ...(request.item ? { item: request.item.key } : {}) });
        const activity = scene.activities[name] as (request: Routed) => Promise<unknown>;
        return activity(request);
      },
    ]),
  );

  beforeAll(async () => {
    env = await startTemporal();
    workers = await startWorkers(env, activities);
    await workers.host('shared');
  });
  afterAll(async () => {
    await workers.stop();
    await env.teardown();
  });
  return {
    scene(): Scene {
      const scene = new Scene(`mirror${scenes.size + 1}`, env);
      scenes.set(scene.mirror, scene);
      return scene;
    },
    get env() {
      return env;
    },
    host: (stagingId: string) => workers.host(stagingId),
  };
}

/** The failure of a run, under Temporal's wrappers. */
export async function failureOf(run: Promise<unknown>): Promise<ApplicationFailure> {
  try {
    await run;
  } catch (error) {
    for (let current: unknown = error; current instanceof Error; current = current.cause) {
      if (current instanceof ApplicationFailure) return current;
    }
    throw error;
  }
  throw new Error('the run did not fail');
}

export async function until(what: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain for ${String(what)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
