import { expect, test } from 'vitest';

import { checkConfiguration } from '../../../config/index.js';
import { separated } from '../../../config/separation.js';
import { loadText, minimal, withMirror } from './support.js';

const check = async (text: string) => checkConfiguration(await loadText(text));

/** Two mirrors of these lines, into the clouds p (and q where told). */
const two = (first: string, second: string, clouds = '[{name: p}]') =>
  `clouds: ${clouds}\nmirrors:\n- {name: a, url: 'https://a.test', ${first}}\n- {name: b, url: 'https://a.test', ${second}}\n`;

test('says in sentences what the smallest configuration does', async () => {
  const { warnings, meaning } = await check(minimal);
  expect(warnings).toEqual([]);
  expect(meaning[0]).toMatch(
    /^Mirror ubuntu reads https:\/\/mirror\.test\/releases\/streams\/v1\/index\.sjson, signed by a key of/,
  );
  expect(meaning[0]).toMatch(
    /every version of each product.*into prod as public images.*it runs when asked to\.$/,
  );
  expect(meaning[1]).toMatch(
    /^Cloud prod: every region.*container simplestreams under data\/.*advertised in Keystone/,
  );
  expect(meaning[2]).toMatch(/^Downloads are staged in /);
});

test('says what becomes of superseded versions', async () => {
  const meaning = async (...lines: string[]) => (await check(withMirror(...lines))).meaning[0];
  expect(await meaning()).toMatch(/superseded versions are deleted, those that servers use hidden until/);
  expect(await meaning('retire: deactivate', 'retire_after: 7d', 'in_use: keep')).toMatch(
    /are deactivated and deleted after 7d, but for those that servers use/,
  );
  expect(await meaning('retire: community', 'in_use: delete')).toMatch(
    /community images.*30d, in use or not/,
  );
});

test('prints no password of a URL', async () => {
  const { meaning, warnings } = await check(
    withMirror('signature: skip', 'fallback_urls: [http://u:hunter2@b.test/]').replace(
      'https://',
      'http://u:hunter2@',
    ),
  );
  expect([...meaning, ...warnings].join()).not.toContain('hunter2');
  expect(warnings).toHaveLength(1);
});

test('warns of unsigned documents, and more of those over plain HTTP', async () => {
  expect((await check(withMirror('signature: skip'))).warnings[0]).toMatch(/unsigned documents: whoever/);
  expect((await check(withMirror('signature: skip', 'fallback_urls: [http://b.test/]'))).warnings[0]).toMatch(
    /plain HTTP \(http:\/\/b/,
  );
});

test('warns when mirrors share a content id and a cloud and their filters do not part them', async () => {
  const { warnings } = await check(two("filters: ['arch~amd']", "filters: ['arch~64']"));
  expect(warnings).toEqual([expect.stringMatching(/^Mirrors a and b share the content id auto\.sync/)]);
});

test('does not warn when the filters part the mirrors', async () => {
  expect((await check(two("filters: ['arch=amd64']", "filters: ['arch=arm64']"))).warnings).toEqual([]);
});

test('does not warn when the mirrors go to different clouds', async () => {
  const text = two("max: 1, clouds: [p], filters: ['arch=s390x']", 'clouds: [q]', '[{name: p}, {name: q}]');
  expect((await check(text)).warnings).toEqual([]);
});

test('warns where Juju would have to choose between documents', async () => {
  const { warnings } = await check(two('content_id: one', 'content_id: two'));
  expect(warnings).toEqual([expect.stringMatching(/^Cloud p gets 2 documents for each region \(one, two\)/)]);
  const own = await check(two("content_id: 'x.{mirror}'", "content_id: 'x.{mirror}'"));
  expect(own.warnings).toEqual([expect.stringMatching(/\(x\.a, x\.b\)/)]);
  expect(
    (await check(two('content_id: one', 'content_id: two', '[{name: p, publish: none}]'))).warnings,
  ).toEqual([]);
});

test('warns of a cloud that no mirror uses', async () => {
  const { warnings } = await check(
    minimal
      .replace('- name: prod', '- name: prod\n  - name: dev')
      .replace('releases', 'releases\n    clouds: [prod]'),
  );
  expect(warnings).toEqual(['No mirror uses cloud dev.']);
});

test('refuses mirrors that do the same work, also when not loaded from a file', async () => {
  const configuration = await loadText(minimal);
  const twin = {
    ...configuration,
    mirrors: configuration.mirrors.flatMap((mirror) => [mirror, { ...mirror, name: 'twin' }]),
  };
  expect(() => checkConfiguration(twin)).toThrow(expect.objectContaining({ code: 'ConfigConflict' }));
});

test.each([
  [['arch=amd64'], ['arch=arm64'], 'same', true],
  [['arch=amd64'], ['arch!=amd64'], 'same', true],
  [['arch=amd64'], ['arch!=arm64'], 'same', false],
  [['release=noble'], ['release~^jammy'], 'same', true],
  [['release=noble'], ['release!~noble'], 'same', true],
  [['release~noble'], ['release!~noble'], 'same', true],
  [['release~noble'], ['release~jammy'], 'same', false],
  [['arch=amd64'], ['release=noble'], 'same', false],
  [['arch=amd64'], ['arch=arm64'], 'different', false],
  [['product_name=x'], ['product_name=y'], 'different', true],
  [[], ['arch=amd64'], 'same', false],
] as const)('judges %j and %j of %s sources apart: %s', (one, other, sources, expected) => {
  expect(separated(one, other, sources)).toBe(expected);
  expect(separated(other, one, sources)).toBe(expected);
});
