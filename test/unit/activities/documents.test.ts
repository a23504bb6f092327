import { expect, test } from 'vitest';
import { Documents } from '../../../activities/index.js';
import type { MirrorSettings } from '../../../config/index.js';
import { Staging } from '../../../staging/index.js';
import { client, mirrorOf, never, scratch } from '../mirrors/helpers.js';

const path = 'streams/v1/index.json';
const index = '{"format": "index:1.0", "index": {}}';

/** Two mirrors of one tree, a document of it, and a host that has not got it. */
async function stage(elsewhere = index) {
  const first = await mirrorOf({ [path]: index });
  const second = await mirrorOf({ [path]: elsewhere });
  const mirror = {
    name: 'm',
    url: first.url,
    fallbackUrls: [second.url],
    signature: 'skip',
    keyring: '',
    documentLimit: 1_000_000,
  } as unknown as MirrorSettings;
  const reading = client();
  const onHost = async () => new Documents(await Staging.open({ root: await scratch() }), () => reading);
  const notes = { refused: [], wrong: [], waits: [] };
  const ref = await (await onHost()).fetch(mirror, path, never(), { attempt: 1, notes });
  return { first, second, mirror, ref, documents: await onHost() };
}

test('a host that lacks a document of the run asks the fall-back where the mirror is gone', async () => {
  const { first, mirror, ref, documents } = await stage();
  await first.close();
  const { document } = await documents.read(mirror, ref, never());
  expect(document.kind).toBe('index');
});

test('a fall-back with another document is SourceMoved, and its bytes are not used', async () => {
  const { first, mirror, ref, documents } = await stage('{"format": "index:1.0", "index": {"x": {}}}');
  await first.close();
  await expect(documents.read(mirror, ref, never())).rejects.toMatchObject({ code: 'SourceMoved' });
});

test('with no source left the failure is that of the last one', async () => {
  const { first, second, mirror, ref, documents } = await stage();
  await first.close();
  second.faultAlways(path, { kind: 'status', status: 500 });
  await expect(documents.read(mirror, ref, never())).rejects.toMatchObject({ code: 'MirrorError' });
});
