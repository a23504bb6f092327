import fc from 'fast-check';
import { expect, test } from 'vitest';
import { itemKey, workflowId } from '../../../contracts/ids.js';

const image = (...parts: [string, string, string, string, string, string]) => workflowId.syncImage(...parts);

/** Names as a hostile mirror may choose them: the separators, the escapes and the cut marks of ids among them. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('a', '/', '=', '~', '2', 'F', '%', '\u0000', ':'), maxLength: 300 }),
  fc.constantFrom('', '.', '..', '=', '=2F', '~', '\ud800', '\udfff', '\ufffd', '\u0618', 'd800'),
);

test('keeps letters, digits and the punctuation that shells leave alone', () => {
  expect(workflowId.syncMirror('ubuntu-24.04.daily:x')).toBe('sync/ubuntu-24.04.daily:x');
});

test('escapes slashes, so that a name cannot add a part', () => {
  expect(workflowId.syncMirror('a/b')).toBe('sync/a=2Fb');
});

test('escapes its own escape character', () => {
  expect(workflowId.syncMirror('a=2Fb')).toBe('sync/a=3D2Fb');
});

test('writes other characters as UTF-8 in upper hexadecimal', () => {
  expect(workflowId.syncMirror('é\n')).toBe('sync/=C3=A9=0A');
});

test('gives an empty name a part of its own', () => {
  expect(image('c', '', 'i', 'p', 'v', 'x')).toBe('image/c/=/i/p/v/x');
});

test('leaves an id of 200 bytes whole and cuts one of 201', () => {
  const whole = workflowId.syncMirror('m'.repeat(195));
  const cut = workflowId.syncMirror('m'.repeat(196));
  expect([whole.length, cut.length]).toEqual([200, 200]);
  expect(whole).not.toContain('~');
  expect(cut).toMatch(/^sync\/m+~[0-9a-f]{16}$/);
});

test('tells cut ids apart by the hash of the whole', () => {
  const long = 'p'.repeat(300);
  expect(workflowId.syncMirror(`${long}1`)).not.toBe(workflowId.syncMirror(`${long}2`));
});

test('lets no name imitate a cut id', () => {
  const cut = workflowId.syncMirror('m'.repeat(300));
  expect(workflowId.syncMirror(cut.slice('sync/'.length))).not.toBe(cut);
});

test('tells names apart that differ in half a surrogate pair only', () => {
  expect(workflowId.syncMirror('\ud800')).not.toBe(workflowId.syncMirror('\ud801'));
  expect(itemKey('c', '\ud800', 'v', 'i')).not.toBe(itemKey('c', '\ud801', 'v', 'i'));
});

test('puts the id of a region under that of its mirror', () => {
  expect(workflowId.syncRegion('sync/ubuntu', 'prod', 'Region One')).toBe('sync/ubuntu/prod/Region=20One');
});

test('cuts the id of a region as a whole when it is too long', () => {
  const id = workflowId.syncRegion(workflowId.syncMirror('m'.repeat(190)), 'prod', 'RegionOne');
  expect(id).toHaveLength(200);
  expect(id).toMatch(/~[0-9a-f]{16}$/);
});

test('never makes an id over 200 bytes or outside of its alphabet', () => {
  fc.assert(
    fc.property(fc.array(hostile, { minLength: 6, maxLength: 6 }), ([a, b, c, d, e, f]) => {
      const ids = [
        image(a!, b!, c!, d!, e!, f!),
        workflowId.syncRegion(workflowId.syncMirror(a!), b!, c!),
        workflowId.publishStreams(a!),
      ];
      for (const id of ids) {
        expect(id).toMatch(/^[A-Za-z0-9._:=~/-]+$/);
        expect(Buffer.byteLength(id)).toBeLessThanOrEqual(200);
      }
    }),
  );
});

test('never gives two identities one id', () => {
  const six = fc.tuple(hostile, hostile, hostile, hostile, hostile, hostile);
  fc.assert(
    fc.property(six, six, (one, other) => {
      fc.pre(JSON.stringify(one) !== JSON.stringify(other));
      expect(image(...one)).not.toBe(image(...other));
    }),
    { numRuns: 500 },
  );
});

test('never gives two identities one id when a character moves from one part to the next', () => {
  fc.assert(
    fc.property(hostile, hostile, (a, b) => {
      fc.pre(b !== '');
      expect(image('c', 'r', 'i', a + b, 'v', '')).not.toBe(image('c', 'r', 'i', a, `${b}v`, ''));
      expect(itemKey('c', a + b, 'v', 'i')).not.toBe(itemKey('c', a, `${b}v`, 'i'));
    }),
  );
});

test('keeps kinds of workflows apart whatever the names are', () => {
  fc.assert(
    fc.property(hostile, hostile, (a, b) => {
      const ids = [
        workflowId.schedule(a),
        workflowId.syncMirror(a),
        workflowId.planMirror(a),
        workflowId.verifyMirror(a),
        workflowId.publishStreams(a),
        workflowId.syncRegion(workflowId.syncMirror(a), b, b),
        workflowId.syncRegion(workflowId.planMirror(a), b, b),
        workflowId.syncRegion(workflowId.verifyMirror(a), b, b),
        workflowId.syncMirror(`${a}/${b}/${b}`),
      ];
      expect(new Set(ids).size).toBe(ids.length);
    }),
  );
});

test('knows an item by twelve digits that do not change', () => {
  expect(itemKey('auto.sync', 'com.ubuntu.cloud:server:24.04:amd64', '20240101', 'disk1.img')).toMatch(
    /^[0-9a-f]{12}$/,
  );
  expect(itemKey('a', 'b', 'c', 'd')).toBe(itemKey('a', 'b', 'c', 'd'));
});
