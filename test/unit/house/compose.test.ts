import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { SearchAttribute } from '../../../contracts/names.js';

const ROOT = resolve(import.meta.dirname, '..', '..', '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const service = z.looseObject({
  image: z.string().optional(),
  build: z.string().optional(),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  depends_on: z.record(z.string(), z.unknown()).default({}),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  command: z.array(z.string()).default([]),
});
const compose = z
  .object({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.unknown()) })
  .parse(load(read('docker-compose.yml')));
const dockerfile = read('Dockerfile')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .map((line) => line.trim())
  .filter((line) => line !== '' && !line.startsWith('#'));

test('the compose file has the server with its database, the UI and the worker, and no other service but the set-up', () => {
  expect(Object.keys(compose.services).sort()).toEqual([
    'postgresql',
    'search-attributes',
    'temporal',
    'temporal-ui',
    'worker',
  ]);
});

test('every port is bound to 127.0.0.1', () => {
  for (const { ports } of Object.values(compose.services)) {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  }
});

test('every variable of the compose file is in .env.example, and the other way round', () => {
  const used = [...read('docker-compose.yml').matchAll(/(?<!\$)\$\{([A-Z_]+)/g)].map(([, name]) => name);
  const documented = [...read('.env.example').matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name);
  expect([...new Set(used)].sort()).toEqual(documented.sort());
});

test('every service waited for and every named volume exists, and what is waited for as healthy has a health check', () => {
  for (const { depends_on: needs, volumes } of Object.values(compose.services)) {
    for (const [name, condition] of Object.entries(needs)) {
      const needed = compose.services[name];
      expect(needed, name).toBeDefined();
      if (JSON.stringify(condition).includes('service_healthy'))
        expect(needed?.healthcheck, name).toBeDefined();
    }
    for (const volume of volumes) {
      const [source = ''] = volume.split(':');
      if (/^[a-z]/.test(source)) expect(Object.keys(compose.volumes)).toContain(source);
    }
  }
});

test('the set-up registers exactly the search attributes of the workflows', () => {
  const script = compose.services['search-attributes']?.command.join(' ') ?? '';
  const names = /for name in ([A-Za-z ]+);/.exec(script)?.[1]?.split(' ');
  expect(names?.sort()).toEqual(Object.values(SearchAttribute).sort());
});

test('the staging folder of the worker is on a volume, and the configuration where the command looks for it', () => {
  const worker = compose.services.worker;
  expect(worker?.volumes).toContain('staging:/var/lib/image-stream');
  expect(dockerfile.find((line) => line.startsWith('ENV'))).toContain('XDG_CACHE_HOME=/var/lib/image-stream');
  expect(worker?.command).toContain('/etc/image-stream/image-stream.yaml');
  expect(worker?.environment.OS_CLIENT_CONFIG_FILE).toMatch(/^\/etc\/image-stream\//);
});

test('every path that the Dockerfile copies exists, apart from what the build stage makes', () => {
  const made = new Set(['/build/node_modules', '/build/dist']);
  for (const line of dockerfile.filter((one) => one.startsWith('COPY '))) {
    const words = line.split(/\s+/).slice(1);
    const fromBuild = words[0]?.startsWith('--from=build');
    const sources = words.filter((word) => !word.startsWith('--')).slice(0, -1);
    for (const source of sources) {
      if (fromBuild) expect(made.has(source), source).toBe(true);
      else expect(existsSync(join(ROOT, source)), source).toBe(true);
    }
  }
});

test('the Dockerfile copies every room that the build compiles', () => {
  const rooms = z
    .object({ include: z.array(z.string()) })
    .parse(JSON.parse(read('tsconfig.build.json'))).include;
  for (const room of rooms) expect(dockerfile).toContain(`COPY ${room} ${room}`);
});

test('the image is a glibc Node image, does not run as root, and has a health check', () => {
  for (const line of dockerfile.filter((one) => one.startsWith('FROM ')))
    expect(line).toMatch(/^FROM node:20-bookworm-slim/);
  expect(dockerfile.findLast((line) => line.startsWith('USER '))).toBe('USER image-stream');
  expect(dockerfile.some((line) => line.startsWith('HEALTHCHECK'))).toBe(true);
});

test('nothing that the image needs is kept out of the build context', () => {
  const ignored = read('.dockerignore').split('\n').filter(Boolean);
  for (const line of dockerfile.filter((one) => /^COPY (?!--from)/.test(one))) {
    const sources = line.split(/\s+/).slice(1, -1);
    for (const source of sources) {
      expect(ignored, source).not.toContain(source);
      expect(ignored, source).not.toContain(dirname(source));
    }
  }
});
