import { expect, test } from 'vitest';
import { authUrlForms } from '../../../targets/publish/auth-urls.js';

test.each([
  'http://k:5000/v3',
  'http://k:5000/v3/',
  'http://k:5000',
  'http://k:5000//',
  'http://k:5000/v2.0',
])('gives %s with /v3 and without', (url) => {
  expect(authUrlForms([url])).toEqual(['http://k:5000/v3', 'http://k:5000']);
});

test('keeps the path of a Keystone that does not live at the root', () => {
  expect(authUrlForms(['https://cloud/identity/v3'])).toEqual([
    'https://cloud/identity/v3',
    'https://cloud/identity',
  ]);
});

test('lists the forms of several URLs once each', () => {
  expect(authUrlForms(['http://public/v3', 'http://internal/v3/', 'http://public'])).toEqual([
    'http://public/v3',
    'http://public',
    'http://internal/v3',
    'http://internal',
  ]);
});

test('keeps the case of a host, since Juju compares it', () => {
  expect(authUrlForms(['http://Keystone.Example/v3'])).toContain('http://Keystone.Example/v3');
});

test('makes nothing of an empty URL', () => {
  expect(authUrlForms(['', '/'])).toEqual([]);
});
