import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printableUrl } from '../../../contracts/urls.js';

test('drops user info, query and fragment of a URL', () => {
  expect(printableUrl('https://user:secret@mirror.example:8443/releases/?token=x#y')).toBe(
    'https://mirror.example:8443/releases/',
  );
});

test('takes a URL object as well as a text', () => {
  expect(printableUrl(new URL('http://u:p@h/a'))).toBe('http://h/a');
});

test('leaves a path of the file system as it is', () => {
  expect(printableUrl('/srv/mirror/releases')).toBe('/srv/mirror/releases');
  expect(printableUrl('file:///srv/mirror')).toBe('file:///srv/mirror');
});

const SECRET = 'hunter2';
test.each([
  ['a user and a password', `https://user:${SECRET}@h/p`],
  ['a token as the user', `https://${SECRET}@h/p`],
  ['a query', `https://h/p?token=${SECRET}`],
  ['a fragment', `https://h/p#${SECRET}`],
  ['a password with an unescaped slash', `http://user:pa/${SECRET}@h:port/p`],
  ['a password with an unescaped @', `http://user:pa@${SECRET}@h:port/p`],
  ['a password with an unescaped #', `http://user:pa#${SECRET}@h:port/p`],
  ['a password with an unescaped ?', `http://user:pa?${SECRET}@h:port/p`],
  ['a URL without a scheme', `user:${SECRET}@h/p`],
  ['a URL that only begins with slashes', `//user:${SECRET}@h/p`],
  ['a URL in a URL', `blob:http://user:${SECRET}@h/p`],
  ['a port that is none, with a query', `http://h:port/p?token=${SECRET}`],
  ['a line break', `http://user:${SECRET}\n@h:port/p`],
])('shows no secret of a text with %s', (_what, text) => {
  expect(printableUrl(text)).not.toContain(SECRET);
});

test('shows no password of any URL', () => {
  const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019%@:/?#[]! '), maxLength: 12 });
  fc.assert(
    fc.property(word, word, fc.webUrl({ withQueryParameters: true }), (before, after, web) => {
      const url = new URL(web);
      url.username = 'user';
      url.password = `${before}${SECRET}${after}`;
      expect(printableUrl(url.href)).not.toContain(SECRET);
    }),
  );
});
