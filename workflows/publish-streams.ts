import {
  ApplicationFailure,
  condition,
  continueAsNew,
  defineSignal,
  log,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { SignalName } from '../contracts/names.js';
import type { PublishAnswer, PublishInput, PublishRequest, PublishResult } from '../contracts/workflows.js';
import { failureFacts } from './failures.js';
import { publishRequestOf } from './publish-request.js';
import { publishSteps } from './steps.js';
import { tell } from './story.js';

const publishSignal = defineSignal<[unknown]>(SignalName.publish);

/** Answers that a run gives before it hands over to a new one, so that nobody waits for the last of many. */
const MAX_ANSWERS = 50;
/** Times that documents are written which somebody deletes at the same time. */
const MAX_ROUNDS = 3;
/** Answers that a chain of runs keeps; who misses his asks again, which costs nothing. */
const KEPT_ANSWERS = 1_000;

/**
 * The one writer of a destination. Requests come as signals and say only whose images to look at: what is written derives from
 * Glance. Products come before the index. It ends when its queue is empty, and looks once more before it does.
 */
export async function publishStreams(input: PublishInput): Promise<PublishResult> {
  const queue: PublishRequest[] = [...(input.waiting ?? [])];
  const answers: PublishAnswer[] = [];
  setHandler(publishSignal, (signal) => {
    const request = publishRequestOf(signal);
    if (request) queue.push(request);
    else log.warn('A signal that is no request to publish was ignored', { destination: input.destination });
  });
  await condition(() => queue.length > 0, '1m');

  while (queue.length > 0) {
    if (answers.length >= MAX_ANSWERS || workflowInfo().continueAsNewSuggested) break;
    const [first, ...same] = takeAlike(queue);
    if (first === undefined) break;
    const { run, target } = first;
    tell(
      'publishing',
      `Publishing ${target.cloud}/${target.region} for ${run.mirror} to ${input.destination}`,
    );
    const answer = await publish(first);
    for (const { id } of [first, ...same]) answers.push({ ...answer, id });
  }
  const all = [...(input.answered ?? []), ...answers].slice(-KEPT_ANSWERS);
  if (queue.length > 0) {
    await continueAsNew<typeof publishStreams>({ ...input, waiting: [...queue], answered: all });
  }
  tell('done', `${answers.length} requests answered`);
  return { answers: all };
}

/** Requests that the same documents answer. */
function takeAlike(queue: PublishRequest[]): PublishRequest[] {
  const [first] = queue;
  if (first === undefined) return [];
  const alike = (one: PublishRequest) =>
    one.mark === first.mark &&
    one.run.mirror === first.run.mirror &&
    one.run.configurationDigest === first.run.configurationDigest &&
    one.target.cloud === first.target.cloud &&
    one.target.region === first.target.region &&
    one.target.fingerprint.projectId === first.target.fingerprint.projectId &&
    one.target.fingerprint.authUrl === first.target.fingerprint.authUrl;
  const taken = queue.filter(alike);
  const rest = queue.filter((one) => !alike(one));
  queue.splice(0, queue.length, ...rest);
  return taken;
}

/** A mark changes nothing but the entry in the index. */
async function publish({ run, target, mark }: PublishRequest): Promise<Omit<PublishAnswer, 'id'>> {
  const steps = publishSteps(`${target.cloud}/${target.region} for ${run.mirror}`.slice(0, 200));
  try {
    if (mark !== undefined) return { outcome: await steps.publishIndex({ run, target, mark }) };
    for (let round = 1; ; round += 1) {
      const products = await steps.publishProducts({ run, target });
      const index = await steps.publishIndex({ run, target });
      // Documents that go away between the two steps are written again.
      const lost = products.products !== 'none' && index.index === 'none';
      if (!lost) return { outcome: { ...products, index: index.index } };
      if (round === MAX_ROUNDS) throw deletedMeanwhile(products.publicUrl);
    }
  } catch (error) {
    return { failure: failureFacts(error) };
  }
}

function deletedMeanwhile(publicUrl: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `The documents at ${publicUrl} are deleted as soon as they are written`,
    'Conflict',
  );
}
