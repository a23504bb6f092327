import type { WorkflowHandleWithSignaledRunId } from '@temporalio/client';
import { expect, test } from 'vitest';
import { workflowId } from '../../contracts/ids.js';
import type { PublishAnswer, PublishRequest, PublishResult } from '../../contracts/workflows.js';
import { failure, passing, stage, until, type Scene } from './scene.js';

const on = stage();
const live = test.concurrent;

/** Asks the writer of the scene's destination, as requestPublish does. */
function ask(scene: Scene, request: Partial<PublishRequest> = {}): Promise<WorkflowHandleWithSignaledRunId> {
  return on.env.client.workflow.signalWithStart('publishStreams', {
    workflowId: workflowId.publishStreams(scene.mirror),
    taskQueue: 'image-stream',
    args: [{ destination: scene.mirror }],
    signal: 'publish',
    signalArgs: [{ id: '1', run: scene.run, target: scene.target(), ...request }],
  });
}

async function answers(scene: Scene, handle: WorkflowHandleWithSignaledRunId): Promise<PublishAnswer[]> {
  const result = (await on.env.client.workflow
    .getHandle(workflowId.publishStreams(scene.mirror), handle.signaledRunId)
    .result()) as PublishResult;
  return result.answers;
}

const writes = (scene: Scene) =>
  scene.calls.map(({ name }) => name).filter((name) => name.startsWith('publish'));
const regions = (scene: Scene) =>
  scene.called('publishProducts').map(({ request }) => (request as PublishRequest).target.region);

/** Holds the first write until the test lets it go. */
function held(scene: Scene): () => void {
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const { publishProducts } = scene.activities;
  scene.activities.publishProducts = async (request) => {
    await gate;
    return publishProducts(request);
  };
  return release;
}

live('writes products before the index', async () => {
  const scene = on.scene();
  await answers(scene, await ask(scene));
  expect(writes(scene)).toEqual(['publishProducts', 'publishIndex']);
});

live('puts a mark into the index and writes nothing else', async () => {
  const scene = on.scene();
  await answers(scene, await ask(scene, { mark: '{"of":"x"}' }));
  expect(writes(scene)).toEqual(['publishIndex']);
  expect(scene.called('publishIndex')[0]?.request).toMatchObject({ mark: '{"of":"x"}' });
});

live('writes again what was deleted before the index could name it', async () => {
  const scene = on.scene();
  const { publishIndex } = scene.activities;
  scene.activities.publishIndex = async (request) => {
    const outcome = await publishIndex(request);
    return scene.called('publishIndex').length === 1 ? { ...outcome, index: 'none' } : outcome;
  };
  expect(await answers(scene, await ask(scene))).toMatchObject([{ outcome: { index: 'written' } }]);
  expect(writes(scene)).toEqual(['publishProducts', 'publishIndex', 'publishProducts', 'publishIndex']);
});

live('says so when documents are deleted as soon as they are written', async () => {
  const scene = on.scene();
  const { publishIndex } = scene.activities;
  scene.activities.publishIndex = async (request) => ({ ...(await publishIndex(request)), index: 'none' });
  expect(await answers(scene, await ask(scene))).toMatchObject([{ failure: { code: 'Conflict' } }]);
  expect(scene.called('publishProducts')).toHaveLength(3);
});

live('answers what it wrote', async () => {
  const scene = on.scene();
  expect(await answers(scene, await ask(scene))).toEqual([
    {
      id: '1',
      outcome: { products: 'written', index: 'written', images: 1, publicUrl: 'http://swift/data' },
    },
  ]);
});

live('writes no index when the products could not be written, and answers why', async () => {
  const scene = on.scene();
  scene.activities.publishProducts = async () => {
    throw failure('EtagMismatch', 'Swift kept other bytes', 'Look at Swift.');
  };
  expect(await answers(scene, await ask(scene))).toEqual([
    { id: '1', failure: { code: 'EtagMismatch', message: 'Swift kept other bytes', hint: 'Look at Swift.' } },
  ]);
  expect(writes(scene)).toEqual(['publishProducts']);
});

live('tries a passing failure of the store again', async () => {
  const scene = on.scene();
  const { publishIndex } = scene.activities;
  scene.activities.publishIndex = async (request) => {
    if (scene.called('publishIndex').length === 1) throw passing('CloudError');
    return publishIndex(request);
  };
  expect(await answers(scene, await ask(scene))).toMatchObject([{ outcome: { index: 'written' } }]);
});

live('is one writer, however many ask: one after the other', async () => {
  const scene = on.scene();
  let writing = 0;
  let most = 0;
  const { publishProducts, publishIndex } = scene.activities;
  scene.activities.publishProducts = async (request) => {
    most = Math.max(most, ++writing);
    await new Promise((resolve) => setTimeout(resolve, 50));
    return publishProducts(request);
  };
  scene.activities.publishIndex = async (request) => {
    writing -= 1;
    return publishIndex(request);
  };
  const asked = await Promise.all(
    ['a', 'b', 'c', 'd'].map((region) => ask(scene, { id: region, target: scene.target(region) })),
  );
  await Promise.all(asked.map((handle) => answers(scene, handle)));
  expect(most).toBe(1);
  expect(regions(scene).sort()).toEqual(['a', 'b', 'c', 'd']);
});

live('answers all requests for the same images by one write', async () => {
  const scene = on.scene();
  const release = held(scene);
  const first = await ask(scene, { id: 'first', target: scene.target('other') });
  await until(() => scene.called('publishProducts').length === 1);
  for (const id of ['x', 'y', 'z']) await ask(scene, { id });
  release();
  const given = await answers(scene, first);
  expect(given.map(({ id }) => id)).toEqual(['first', 'x', 'y', 'z']);
  expect(scene.called('publishProducts')).toHaveLength(2);
});

live('writes once more for a request that came while it was writing the same', async () => {
  const scene = on.scene();
  const release = held(scene);
  const handle = await ask(scene, { id: 'before' });
  await until(() => scene.called('publishProducts').length === 1);
  await ask(scene, { id: 'meanwhile' });
  release();
  expect((await answers(scene, handle)).map(({ id }) => id)).toEqual(['before', 'meanwhile']);
  expect(scene.called('publishProducts')).toHaveLength(2);
});

live('keeps the projects of a cloud apart', async () => {
  const scene = on.scene();
  const release = held(scene);
  const first = await ask(scene, { id: 'first', target: scene.target('other') });
  await until(() => scene.called('publishProducts').length === 1);
  const target = scene.target();
  await ask(scene, { id: 'p', target });
  await ask(scene, {
    id: 'q',
    target: { ...target, fingerprint: { ...target.fingerprint, projectId: 'q' } },
  });
  release();
  await answers(scene, first);
  expect(scene.called('publishProducts')).toHaveLength(3);
});

live('serves the others when one request fails', async () => {
  const scene = on.scene();
  const { publishProducts } = scene.activities;
  scene.activities.publishProducts = async (request) => {
    if (request.target.region === 'bad') throw failure('CloudDiffers');
    return publishProducts(request);
  };
  const bad = await ask(scene, { id: 'bad', target: scene.target('bad') });
  const good = await ask(scene, { id: 'good' });
  const given = [...(await answers(scene, bad)), ...(await answers(scene, good))];
  expect(given.find(({ id }) => id === 'bad')?.failure?.code).toBe('CloudDiffers');
  expect(given.find(({ id }) => id === 'good')?.outcome?.index).toBe('written');
});

live('ignores signals that are no requests, and serves those that are', async () => {
  const scene = on.scene();
  const release = held(scene);
  const first = await ask(scene, { id: 'first', target: scene.target('other') });
  await until(() => scene.called('publishProducts').length === 1);
  const writer = on.env.client.workflow.getHandle(workflowId.publishStreams(scene.mirror));
  const { run } = scene;
  const target = scene.target();
  const malformed: unknown[][] = [
    [],
    [null],
    ['publish!'],
    [[]],
    [{ id: 'a' }],
    [{ id: '', run, target }],
    [{ id: 7, run, target }],
    [{ id: 'b', run: null, target }],
    [{ id: 'c', run: { ...run, mirror: {} }, target }],
    [{ id: 'd', run, target: { cloud: 'prod' } }],
    [{ id: 'e', run, target: { ...target, fingerprint: 'none' } }],
  ];
  for (const args of malformed) await writer.signal('publish', ...args);
  await ask(scene, { id: 'last' });
  release();
  expect((await answers(scene, first)).map(({ id }) => id)).toEqual(['first', 'last']);
  expect(regions(scene)).toEqual(['other', target.region]);
});

live('loses no request that arrives as it ends', async () => {
  const scene = on.scene();
  const ids = Array.from({ length: 30 }, (_, index) => `r${index}`);
  const given: PublishAnswer[] = [];
  for (const id of ids) {
    const handle = await ask(scene, { id });
    // Some wait for their answer, some ask while the writer is about to end.
    if (Number(id.slice(1)) % 3 !== 0) given.push(...(await answers(scene, handle)));
    else void answers(scene, handle).then((some) => given.push(...some));
  }
  await until(() => ids.every((id) => given.some((answer) => answer.id === id)));
});

live('hands over to a new run with the requests that still wait, and answers everyone', async () => {
  const scene = on.scene();
  const release = held(scene);
  const first = await ask(scene, { id: 'r0', target: scene.target('r0') });
  await until(() => scene.called('publishProducts').length === 1);
  const asked = Array.from({ length: 60 }, (_, index) => `r${index + 1}`);
  await Promise.all(asked.map((id) => ask(scene, { id, target: scene.target(id) })));
  release();
  const given = await answers(scene, first);
  expect(new Set(given.map(({ id }) => id))).toEqual(new Set(['r0', ...asked]));
  expect(regions(scene)).toHaveLength(61);
  const { runId } = await scene.describe(workflowId.publishStreams(scene.mirror));
  expect(runId).not.toBe(first.signaledRunId);
});

live('ends as done when its queue is empty', async () => {
  const scene = on.scene();
  await answers(scene, await ask(scene));
  const id = workflowId.publishStreams(scene.mirror);
  expect((await scene.describe(id)).status.name).toBe('COMPLETED');
  expect(await scene.attribute(id, 'Stage')).toBe('done');
});
