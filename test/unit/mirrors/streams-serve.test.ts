import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { compileRooms } from '../staging/compile.js';
import { scratch } from './helpers.js';

const PROGRAM = `
import { Command } from 'commander';
import { registerStreamsServe } from './cli/streams-serve.js';
const program = new Command();
registerStreamsServe(program.command('streams'));
await program.parseAsync();
`;

test('streams serve prints its address first, serves the folder and ends on SIGTERM', async () => {
  const rooms = await scratch();
  await compileRooms(rooms, ['contracts', 'staging', 'mirrors', 'cli']);
  await writeFile(join(rooms, 'program.mjs'), PROGRAM);
  const folder = await scratch();
  await writeFile(join(folder, 'index.json'), '{}');
  await symlink('/etc/hostname', join(folder, 'leak'));

  const child = spawn(process.execPath, [join(rooms, 'program.mjs'), 'streams', 'serve', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  expect(line).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  expect(await (await fetch(`${line}index.json`)).text()).toBe('{}');
  expect((await fetch(`${line}leak`)).status).toBe(404);

  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([0, null]);
}, 30_000);
