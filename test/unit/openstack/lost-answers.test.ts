import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Glance } from '../../../openstack/index.js';
import { ServiceProxy } from '../../support/service-proxy.js';
import { Loopback, reply } from './loopback.js';

const FILE = 'PUT /one/v2/images/i/file';
let server: Loopback;
let proxy: ServiceProxy;
let glance: Glance;

beforeEach(async () => {
  server = await new Loopback().listen();
  proxy = await ServiceProxy.start(server.url);
  glance = new Glance(server.session({ endpointOverrides: { image: `${proxy.url}/one` } }), 'one');
});

afterEach(async () => {
  await proxy.close();
  await server.close();
});

const upload = (size: number) =>
  glance.upload('i', Readable.from([Buffer.alloc(size)], { objectMode: false }), { size });

test('an upload whose answer is lost may have been done, so that it is worth a look and another attempt', async () => {
  server.on(FILE, reply(204));
  const rule = proxy.rule({ kind: 'lose-answer' }, { method: 'PUT' });
  await expect(upload(10)).rejects.toMatchObject({ retryable: true });
  await rule.hit;
  expect(server.count(FILE)).toBe(1);
});

test('an upload that is cut in the middle is worth another attempt', async () => {
  server.on(FILE, (request, response) => request.resume().once('end', () => response.writeHead(204).end()));
  proxy.rule({ kind: 'cut', afterBytes: 1_000_000 }, { method: 'PUT' });
  await expect(upload(4_000_000)).rejects.toMatchObject({ retryable: true });
  expect(proxy.to('PUT', /file$/)).toMatchObject([{ sent: 1_000_000 }]);
  await upload(10);
});
