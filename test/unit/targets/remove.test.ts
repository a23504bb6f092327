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

/** An image that is there, and its removal. */
function old(id: string): Removal {
  const identity = { content_id: 'auto.sync', product_name: 'p', version_name: '1', item_name: id };
  const image = { id, status: 'active', ...identity, source_content_id: 's', image_stream_mirror: 'ubuntu' };
  server.on(`GET /one/v2/images/${id}`, reply(200, image));
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

test('an image in use is reported and holds up no other removal', async () => {
  const removals = [old('used'), old('free')];
  server.on('DELETE /one/v2/images/used', reply(409, 'Image used could not be deleted because it is in use'));
  server.on('DELETE /one/v2/images/free', reply(204));
  expect(await remove(removals)).toMatchObject({
    removed: 1,
    failures: [{ key: 'rm:used', code: 'Conflict', message: expect.stringContaining('in use') as string }],
  });
});

test('a service that fails is worth another attempt at the whole', async () => {
  const removals = [old('one')];
  server.on('DELETE /one/v2/images/one', reply(503));
  await expect(remove(removals)).rejects.toMatchObject({ retryable: true });
});
