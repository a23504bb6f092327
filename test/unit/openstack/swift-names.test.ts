import { expect, test } from 'vitest';
import { containerPath, objectPath } from '../../../openstack/swift-names.js';

test.each(['../other/x', 'a/../../x', 'a/./b', '.', '..', '', 'x'.repeat(1025), '\ud800'])(
  'the object name %j is refused',
  (name) => {
    expect(() => objectPath('c', name)).toThrow(expect.objectContaining({ code: 'UnsafePath' }));
  },
);

test.each(['', '.', '..', 'a/b', 'x'.repeat(257)])('the container name %j is refused', (name) => {
  expect(() => containerPath(name)).toThrow(expect.objectContaining({ code: 'UnsafePath' }));
});

test('every other name reaches the server as it is', () => {
  for (const name of ['streams/v1/index.json', 'a b/ä?x=1#y', '%2e%2e/x', '...', 'a//b', '.data/x', 'c\\d']) {
    const path = objectPath('my container', name);
    const [, container, ...rest] = new URL(path, 'http://swift/').pathname.split('/');
    expect(decodeURIComponent(container ?? '')).toBe('my container');
    expect(rest.map(decodeURIComponent).join('/')).toBe(name);
  }
});
