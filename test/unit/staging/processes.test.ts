import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { Staging, type Digest, type StagingOptions } from '../../../staging/index.js';
import { MirrorServer } from '../../support/mirror-server.js';
import { compileRooms } from './compile.js';
import { image, request, scratch, sha256Of, sourceOf } from './helpers.js';

const MiB = 1024 * 1024;
const CHILD = resolve(import.meta.dirname, '../../support/staging-child.mjs');
let rooms: string;

interface Line {
  stage?: string;
  offset?: number;
  done?: { fetchedBytes: number; resumedFrom: number; rss: number; path: string };
  failed?: { code: string; message: string };
}

beforeAll(async () => {
  rooms = await mkdtemp(join(tmpdir(), 'image-stream-rooms-'));
  await compileRooms(rooms, ['contracts', 'staging', 'mirrors']);
  return () => rm(rooms, { recursive: true, force: true });
});

class Child {
  readonly lines: Line[] = [];
  readonly ended: Promise<unknown>;
  readonly #process: ChildProcess;
  #watch: (line: Line) => void = () => undefined;

  constructor(staging: StagingOptions, size: number, digest: Digest, url: string) {
    const task = { staging, url, size, digest };
    this.#process = spawn(process.execPath, [CHILD, rooms, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { stdout } = this.#process;
    if (!stdout) throw new Error('the child has no output');
    createInterface({ input: stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Line;
      this.lines.push(line);
      this.#watch(line);
    });
    this.ended = once(this.#process, 'close');
    onTestFinished(() => void this.#process.kill('SIGKILL'));
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  async reaches(offset: number): Promise<void> {
    await new Promise<void>((done) => {
      this.#watch = (line) => {
        if ((line.offset ?? 0) >= offset) done();
      };
    });
  }

  async result(): Promise<Line> {
    await this.ended;
    return this.lines.at(-1) ?? {};
  }
}

async function mirrorWith(bytes: Buffer): Promise<{ mirror: MirrorServer; url: string }> {
  const folder = await scratch();
  await writeFile(join(folder, 'disk.img'), bytes);
  const mirror = await MirrorServer.start(folder);
  onTestFinished(() => mirror.close());
  return { mirror, url: `${mirror.url}disk.img` };
}

test('each kill -9 costs at most 8 MiB, and the next process starts at once', async () => {
  const bytes = image(48 * MiB);
  const { mirror, url } = await mirrorWith(bytes);
  mirror.faultAlways('disk.img', { kind: 'throttle', bytesPerSecond: 100 * MiB });
  const root = await scratch();
  const kills = [0.1, 0.5, 0.99];
  for (const share of kills) {
    const child = new Child({ root }, bytes.length, sha256Of(bytes), url);
    await child.reaches(share * bytes.length);
    child.signal('SIGKILL');
    await child.ended;
  }
  const begun = performance.now();
  const { done } = await new Child({ root }, bytes.length, sha256Of(bytes), url).result();
  // The dead holder's lease is taken over by its pid, long before it is stale.
  expect(performance.now() - begun).toBeLessThan(10_000);
  expect(done?.resumedFrom).toBeGreaterThanOrEqual(0.9 * bytes.length);
  expect(mirror.bytes('disk.img')).toBeLessThanOrEqual(bytes.length + kills.length * 8 * MiB);
  expect((await readFile(done?.path ?? '')).equals(bytes)).toBe(true);
}, 60_000);

test('two processes that want one file download it once', async () => {
  const bytes = image(16 * MiB);
  const { mirror, url } = await mirrorWith(bytes);
  mirror.faultAlways('disk.img', { kind: 'throttle', bytesPerSecond: 40 * MiB });
  const root = await scratch();
  const children = [
    new Child({ root }, bytes.length, sha256Of(bytes), url),
    new Child({ root }, bytes.length, sha256Of(bytes), url),
  ];
  const results = await Promise.all(children.map((child) => child.result()));
  const fetched = results.map(({ done }) => done?.fetchedBytes).sort((a = 0, b = 0) => a - b);
  expect(fetched).toEqual([0, bytes.length]);
  expect(mirror.bytes('disk.img')).toBe(bytes.length);
}, 60_000);

test('a holder that was only paused loses its lease, writes no more and says StagingBusy', async () => {
  const bytes = image(24 * MiB);
  const { mirror, url } = await mirrorWith(bytes);
  mirror.fault('disk.img', { kind: 'throttle', bytesPerSecond: 8 * MiB });
  const staging = { root: await scratch(), leaseStaleMs: 1000 };
  const paused = new Child(staging, bytes.length, sha256Of(bytes), url);
  await paused.reaches(4 * MiB);
  paused.signal('SIGSTOP');
  const { done } = await new Child(staging, bytes.length, sha256Of(bytes), url).result();
  expect(done?.resumedFrom).toBeGreaterThanOrEqual(4 * MiB);
  paused.signal('SIGCONT');
  expect((await paused.result()).failed).toMatchObject({ code: 'StagingBusy' });
  expect((await readFile(done?.path ?? '')).equals(bytes)).toBe(true);
}, 60_000);

test('a lease of a host that never came back is taken over once it is stale', async () => {
  const root = await scratch();
  const bytes = image(MiB);
  const staging = await Staging.open({ root, leaseStaleMs: 600 });
  const lease = join(root, 'sha256', `${sha256Of(bytes).hex}.lease`);
  await writeFile(lease, JSON.stringify({ owner: 'gone', host: 'elsewhere', pid: 1, bootId: 'other' }));
  const begun = performance.now();
  await staging.download(request(bytes, sourceOf(bytes)));
  expect(performance.now() - begun).toBeGreaterThan(400);
  await expect(stat(lease)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a lease cut short by a crash is taken over once it is stale', async () => {
  const root = await scratch();
  const bytes = image(MiB);
  const staging = await Staging.open({ root });
  const lease = join(root, 'sha256', `${sha256Of(bytes).hex}.lease`);
  await writeFile(lease, '');
  await utimes(lease, new Date(Date.now() - 20_000), new Date(Date.now() - 20_000));
  await expect(staging.download(request(bytes, sourceOf(bytes)))).resolves.toBeDefined();
});

test('waiting for another writer ends with the signal', async () => {
  const root = await scratch();
  const bytes = image(MiB);
  const staging = await Staging.open({ root });
  const lease = join(root, 'sha256', `${sha256Of(bytes).hex}.lease`);
  await writeFile(lease, JSON.stringify({ owner: 'other', host: 'elsewhere', pid: 1 }));
  const reason = new Error('enough');
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 150);
  const source = sourceOf(bytes);
  const waiting = staging.download(request(bytes, source, { signal: controller.signal }));
  await expect(waiting).rejects.toBe(reason);
  expect(source.opened).toEqual([]);
});

test('many callers in one process download a file once', async () => {
  const staging = await Staging.open({ root: await scratch() });
  const bytes = image(2 * MiB);
  const source = sourceOf(bytes);
  await Promise.all(Array.from({ length: 5 }, () => staging.download(request(bytes, source))));
  expect(source.served).toBe(bytes.length);
});

test('workers that open one folder at once agree on its id, and it stays', async () => {
  const root = await scratch();
  const opened = await Promise.all(Array.from({ length: 8 }, () => Staging.open({ root })));
  const [first] = opened;
  expect(new Set(opened.map(({ id }) => id)).size).toBe(1);
  expect((await Staging.open({ root })).id).toBe(first?.id);
  expect((await readdir(root)).sort()).toEqual(['documents', 'id', 'md5', 'sha256', 'sha512']);
});

test('memory stays bounded while a file of a gigabyte passes', async () => {
  const size = 1024 * MiB;
  const folder = await scratch();
  const sparse = await open(join(folder, 'disk.img'), 'w');
  await sparse.truncate(size);
  await sparse.close();
  const mirror = await MirrorServer.start(folder);
  onTestFinished(() => mirror.close());
  const root = await scratch();
  // sha256 of a GiB of zeros.
  const hex = '49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14';
  const child = new Child({ root }, size, { algorithm: 'sha256', hex }, `${mirror.url}disk.img`);
  const { done } = await child.result();
  expect(done?.fetchedBytes).toBe(size);
  expect(done?.rss).toBeLessThan(250 * MiB);
}, 120_000);
