import { readFileSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { WorkflowType } from '../../contracts/names.js';
import { keepQuiet, workflowBundle } from '../support/temporal.js';

const folder = new URL('../fixtures/histories/', import.meta.url);

interface Event {
  eventType: string;
  workflowExecutionStartedEventAttributes?: { workflowType: { name: string } };
  activityTaskScheduledEventAttributes?: { activityType: { name: string } };
}

keepQuiet();

const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
const textOf = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const eventsOf = (name: string) => (JSON.parse(textOf(name)) as { events: Event[] }).events;

/** Undefined when the present workflow code takes the same turns as the one that made the history. */
async function replayError(history: unknown): Promise<Error | undefined> {
  const histories = [{ workflowId: 'replayed', history }];
  for await (const { error } of Worker.runReplayHistories(
    { workflowBundle: await workflowBundle() },
    histories,
  )) {
    return error;
  }
  throw new Error('nothing was replayed');
}

test.each(names)('the present workflows replay %s', async (name) => {
  expect(await replayError(JSON.parse(textOf(name)))).toBeUndefined();
});

test('there is a history of every workflow', () => {
  const types = names.map(
    (name) => eventsOf(name)[0]?.workflowExecutionStartedEventAttributes?.workflowType.name,
  );
  expect(new Set(types)).toEqual(new Set(Object.values(WorkflowType)));
});

test('a history that the present workflows would not have made does not replay', async () => {
  const text = textOf('sync-image.json').replaceAll('"verifyChecksum"', '"verifyNothing"');
  expect(String(await replayError(JSON.parse(text)))).toMatch(/nondeterminism/i);
});

test.each(names)('%s tells nothing of the machine that made it', (name) => {
  const text = textOf(name);
  const root = fileURLToPath(new URL('../../', import.meta.url));
  for (const word of [root, hostname(), 'node_modules']) expect(text).not.toContain(word);
});
