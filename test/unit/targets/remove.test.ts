import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Removal } from '../../../contracts/sync.js';
import { Glance } from '../../../openstack/index.js';
import { removeImages } from '../../../targets/glance/remove.js';
import { Loopback, reply } from '../openstack/loopback.js';

let server: Loopback;
let glance: Glance;

beforeEach(async () => {
  server = await new Loopback().listen();
  glance = new Glance(server.session(), 'one');
});

afterEach(async () => {
  await server.close();
});

function imageFields(id: string): Record<string, string> {
  const identity = { content_id: 'auto.sync', product_name: 'p', version_name: '1', item_name: id };
  return { id, status: 'active', ...identity, source_content_id: 's', image_stream_mirror: 'ubuntu' };
}

/** An image that is there, and its removal. */
function old(id: string): Removal {
  server.on(`GET /one/v2/images/${id}`, reply(200, imageFields(id)));
  return {
    key: `rm:${id}`,
    imageId: id,
    name: id,
    contentId: 'auto.sync',
    mirror: 'ubuntu',
    product: 'p',
    version: '1',
    item: id,
    reason: 'superseded',
    action: 'delete',
  };
}

const remove = (removals: Removal[], begun = false) =>
  removeImages(glance, removals, () => undefined, { signal: new AbortController().signal, begun });

test('an image that is gone counts as removed where an attempt before may have done it', async () => {
  const removals = [old('gone')];
  server.on('GET /one/v2/images/gone', reply(404));
  expect(await remove(removals)).toMatchObject({ removed: 0, failures: [] });
  expect(await remove(removals, true)).toMatchObject({ removed: 1, failures: [] });
});

test('an image in use stays with a warning and holds up no other removal', async () => {
  const removals = [old('used'), old('free')];
  server.on('DELETE /one/v2/images/used', reply(409, 'Image used could not be deleted because it is in use'));
  server.on('DELETE /one/v2/images/free', reply(204));
  expect(await remove(removals)).toMatchObject({
    removed: 1,
    kept: [{ key: 'rm:used', message: expect.stringContaining('in use') as string }],
    failures: [],
  });
});

test('a service that fails is worth another attempt at the whole', async () => {
  const removals = [old('one')];
  server.on('DELETE /one/v2/images/one', reply(503));
  await expect(remove(removals)).rejects.toMatchObject({ retryable: true });
});

test('one that may not be deleted stays with a warning, too', async () => {
  const removals = [old('theirs'), old('free')];
  server.on('DELETE /one/v2/images/theirs', reply(403, 'You are not permitted to delete this image.'));
  server.on('DELETE /one/v2/images/free', reply(204));
  expect(await remove(removals)).toMatchObject({
    removed: 1,
    kept: [{ key: 'rm:theirs' }],
    failures: [],
  });
});

test.each(['queued', 'deactivated', 'gone'])('an image whose successor is %s stays', async (status) => {
  const removal = { ...old('one'), successorId: 'new' };
  if (status !== 'gone') server.on('GET /one/v2/images/new', reply(200, { id: 'new', status }));
  expect(await remove([removal])).toMatchObject({
    removed: 0,
    kept: [{ message: expect.stringContaining('is not active') as string }],
  });
  expect(server.count('DELETE /one/v2/images/one')).toBe(0);
});

test('an image that is withdrawn keeps the day of its first mark', async () => {
  const removal: Removal = { ...old('one'), action: 'hide' };
  const bodies: string[] = [];
  server.on('PATCH /one/v2/images/one', (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      reply(200, { id: 'one', status: 'active' })(request, response);
    });
  });
  const run = () => remove([removal]);
  expect(await run()).toMatchObject({ removed: 0, retired: 1 });
  server.on(
    'GET /one/v2/images/one',
    reply(200, { ...imageFields('one'), image_stream_retired: '2020-01-01T00:00:00.000Z' }),
  );
  await run();
  expect(bodies[0]).toMatch(/image_stream_retired","value":"20\d\d-/);
  expect(bodies[1]).toContain('"value":"2020-01-01T00:00:00.000Z"');
  expect(bodies[1]).toContain('/os_hidden');
});
