import { expect, test } from 'vitest';
import { exemptFromProxy } from '../../../openstack/no-proxy.js';

test.each([
  ['http://glance.example.com:9292/', 'example.com', true],
  ['http://glance.example.com:9292/', '.example.com', true],
  ['http://glance.example.com:9292/', '*.example.com', true],
  ['http://GLANCE.example.com/', 'other, glance.EXAMPLE.com', true],
  ['http://badexample.com/', 'example.com', false],
  ['http://glance.example.com:9292/', 'glance.example.com:9292', true],
  ['http://glance.example.com:9292/', 'glance.example.com:80', false],
  ['https://glance.example.com/', 'glance.example.com:443', true],
  ['http://10.1.2.3:5000/', '10.0.0.0/8', true],
  ['http://11.1.2.3:5000/', '10.0.0.0/8', false],
  ['http://10.1.2.3:5000/', '10.1.2.3', true],
  ['http://1.10.1.2:5000/', '10.1.2', false],
  ['http://[fd00::5]:5000/', 'fd00::/8', true],
  ['http://[fd00::5]:5000/', 'fd00::5', true],
  ['http://[fd00::5]:5000/', '[fd00::5]:5000', true],
  ['http://host/', '10.0.0.0/8', false],
  ['http://host/', '10.0.0.0/99', false],
  ['http://anything/', 'a *', true],
  ['http://anything/', '', false],
])('%s with NO_PROXY %j is exempt: %j', (url, noProxy, expected) => {
  expect(exemptFromProxy(new URL(url), noProxy)).toBe(expected);
});
