import { openSync, writeSync } from 'node:fs';
import { MirrorServer } from '../../test/support/mirror-server.js';

/**
 * A mirror as a process of its own, which can be killed: `node mirror-main.js ROOT PORT COUNT-FILE`. What it served is in the
 * file all the time, so that a kill costs the count of some milliseconds only.
 */
const [, , root = '', port = '', counts = ''] = process.argv;

const server = await MirrorServer.start(root, Number(port), {
  kind: 'throttle',
  bytesPerSecond: 3 * 1024 * 1024,
});
const file = openSync(counts, 'w');
let told = '';

setInterval(() => {
  const text = JSON.stringify({
    requests: server.requests.length,
    files: sum((path) => path.startsWith('files/')),
    documents: sum((path) => path.startsWith('streams/')),
  });
  if (text !== told) writeSync(file, `${text}\n`, 0);
  told = text;
}, 20);

process.stderr.write(`mirror is ready: ${server.url}\n`);

function sum(counted: (path: string) => boolean): number {
  return server.requests.reduce((total, { path, bytes }) => total + (counted(path) ? bytes : 0), 0);
}
