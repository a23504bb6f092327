import type { WorkflowHandle } from '@temporalio/client';
import type { Activities } from '../contracts/activities.js';
import type { MirrorSettings } from '../config/index.js';
import { isErrorCode } from '../contracts/error-codes.js';
import { ImageStreamError } from '../contracts/errors.js';
import { workflowId } from '../contracts/ids.js';
import { SignalName, TaskQueue, WorkflowType } from '../contracts/names.js';
import type { DocumentRef, PublishOutcome, TargetRef } from '../contracts/sync.js';
import type { PublishAnswer, PublishInput, PublishRequest, PublishResult } from '../contracts/workflows.js';
import type { Dependencies } from './dependencies.js';
import { publishDirectory } from './directory-steps.js';
import { beating } from './heartbeat.js';
import { destinationOf } from './publish.js';
import { readItems } from './source-items.js';

/**
 * Asks the one writer of the destination, starting it where it does not run, and waits for its answer. A workflow cannot signal
 * with start, so an activity does it for it.
 */
export function requestPublish(dependencies: Dependencies): Activities['requestPublish'] {
  return async ({ run, target, requestId, documents }) => {
    const mirror = await dependencies.settings.ofRun(run);
    if (mirror.directory) {
      return beating(
        () => ({ stage: 'publish', destination: target.fingerprint.projectId }),
        async (signal) => publishFolder(dependencies, mirror, target, documents ?? [], signal),
      );
    }
    const destination = await destinationOf(dependencies, target);
    if (!destination) return { products: 'none', index: 'none', images: 0, publicUrl: '' };
    const request: PublishRequest = { id: requestId, run, target };
    return beating(
      () => ({ stage: 'publish', destination: destination.key }),
      (signal) => askWriter(dependencies, destination.key, request, signal),
    );
  };
}

/** Hands a request to the writer of a destination and waits for what it answers. @throws {ImageStreamError} what the writer met */
export async function askWriter(
  dependencies: Dependencies,
  destination: string,
  request: PublishRequest,
  signal: AbortSignal,
): Promise<PublishOutcome> {
  const answer = await untilAborted(ask(dependencies, destination, request), signal);
  if (answer?.outcome) return answer.outcome;
  throw asError(answer, destination);
}

/** A directory has one writer: the run of its mirror. */
async function publishFolder(
  dependencies: Dependencies,
  mirror: MirrorSettings,
  target: TargetRef,
  documents: DocumentRef[],
  signal: AbortSignal,
): Promise<PublishOutcome> {
  const { items } = await readItems(dependencies.documents, mirror, documents, signal);
  return publishDirectory(dependencies, mirror, target, items, documents, signal);
}

async function ask(
  { client, build }: Dependencies,
  destination: string,
  request: PublishRequest,
): Promise<PublishAnswer | undefined> {
  const id = workflowId.publishStreams(destination);
  const input: PublishInput = { destination };
  const { signaledRunId } = await client.workflow.signalWithStart(WorkflowType.publishStreams, {
    workflowId: id,
    taskQueue: TaskQueue.main,
    args: [input],
    signal: SignalName.publish,
    signalArgs: [request],
    memo: { build },
    staticSummary: `publish to ${destination}`.slice(0, 200),
  });
  const handle: WorkflowHandle = client.workflow.getHandle(id, signaledRunId);
  const result = (await handle.result()) as PublishResult;
  return result.answers.find((answer) => answer.id === request.id);
}

function asError(answer: PublishAnswer | undefined, destination: string): ImageStreamError {
  const { code, message, hint } = answer?.failure ?? {
    code: 'Conflict',
    message: `The writer of ${destination} ended without an answer`,
    hint: '',
  };
  return new ImageStreamError(isErrorCode(code) ? code : 'Internal', message, {
    retryable: answer?.failure === undefined,
    ...(hint === '' ? {} : { hint }),
  });
}

/** The wait ends with the run that asked; the writer goes on, since what it writes is right in any case. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
