// Downloads one file in a process of its own: argv are the compiled rooms and the request as JSON. It prints a line of
// JSON for each progress, and one with `done` or `failed` at the end.
import { pathToFileURL } from 'node:url';

const [rooms, text] = process.argv.slice(2);
const request = JSON.parse(text);
const { Staging } = await import(pathToFileURL(`${rooms}/staging/index.js`).href);
const { createMirrorClient } = await import(pathToFileURL(`${rooms}/mirrors/index.js`).href);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const staging = await Staging.open(request.staging);
const client = createMirrorClient();
try {
  const { size, digest, url } = request;
  const file = await staging.download({
    digest,
    size,
    source: url,
    open: client.openRange(url),
    signal: new globalThis.AbortController().signal,
    onProgress: say,
  });
  say({ done: { ...file, rss: process.resourceUsage().maxRSS * 1024 } });
} catch (error) {
  say({ failed: { code: error.code, message: error.message } });
} finally {
  await client.close();
}
