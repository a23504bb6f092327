import { afterEach, beforeEach, expect, test } from 'vitest';
import { imageUsage } from '../../../activities/image-usage.js';
import type { TargetRef } from '../../../contracts/sync.js';
import { Loopback, cut, reply } from './loopback.js';

// A small fake of Nova: none runs on this machine, and its refusals could not be had at will from a real one.
let server: Loopback;
const SERVERS = 'GET /nova/v2.1/servers/detail';
const target: TargetRef = {
  cloud: 'loopback',
  region: 'one',
  fingerprint: { authUrl: 'http://keystone/v3', projectId: 'p1' },
};

beforeEach(async () => {
  server = await new Loopback().listen();
});
afterEach(() => server.close());

function ask(
  ids: string[],
  endpointOverrides: Record<string, string> = { compute: `${server.url}/nova/v2.1` },
) {
  const session = server.session({ endpointOverrides });
  return imageUsage({ ofTarget: async () => session }, target, ids, new AbortController().signal);
}

const servers = (...images: (string | null)[]) =>
  reply(200, { servers: images.map((id) => ({ id: 's', image: id === null ? '' : { id } })) });

test('an image of which any project has a server is in use, another is free', async () => {
  server.on(SERVERS, servers('a'), servers());
  const { usage, warnings } = await ask(['a', 'b']);
  expect([...usage]).toEqual([
    ['a', 'used'],
    ['b', 'free'],
  ]);
  expect(warnings).toEqual([]);
  const asked = server.seen.filter(({ url }) => url.includes('/servers')).map(({ url }) => url);
  expect(asked[0]).toContain('?all_tenants=1&image=a&');
});

test('without images nobody is asked', async () => {
  expect(await ask([])).toEqual({ usage: new Map(), warnings: [] });
  expect(server.count(SERVERS)).toBe(0);
});

test('a cloud without a compute service cannot know, and all images count as free', async () => {
  const { usage, warnings } = await ask(['a'], {});
  expect([...usage]).toEqual([]);
  expect(warnings).toEqual([
    expect.stringMatching(/cannot be known which images servers use.*no compute service/),
  ]);
});

test('who may not see the servers of others is told once that it cannot be known', async () => {
  server.on(SERVERS, reply(403, { forbidden: { message: 'no' } }));
  const { usage, warnings } = await ask(['a', 'b']);
  expect([...usage]).toEqual([]);
  expect(warnings).toEqual([expect.stringMatching(/cannot be known.*Nova answered 403/)]);
  expect(server.count(SERVERS)).toBe(1);
});

test.each<[string, Parameters<Loopback['on']>[1]]>([
  ['fails', reply(503)],
  ['cuts the connection', cut],
  ['is not there', reply(404)],
  ['answers with another shape', reply(200, { servers: 'many' })],
  ['does not filter by image', servers('other')],
  ['does not filter, and its first server has no image', servers(null)],
])('where Nova %s, what was not answered is unknown and a warning says so', async (_what, answer) => {
  server.on(SERVERS, servers('a'), answer);
  const { usage, warnings } = await ask(['a', 'b', 'c']);
  expect([...usage]).toEqual([
    ['a', 'used'],
    ['b', 'unknown'],
    ['c', 'unknown'],
  ]);
  expect(warnings).toEqual([expect.stringContaining('is not known which images servers use')]);
});
