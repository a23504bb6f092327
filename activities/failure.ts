import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { ImageStreamError } from '../contracts/errors.js';

/** Attempts in which a step may meet a worker of its own configuration: while one is rolled out, workers of a queue differ. */
const MEETINGS = 10;
const MEETING_PAUSE_MS = 1_000;
/** Attempts at a step that fails in a way that nobody foresaw: time will hardly mend it. */
const UNKNOWN_ATTEMPTS = 10;

/**
 * Turns a failure of a library into one of Temporal's: the code becomes the type, the hint a detail, Retry-After the delay. A
 * cancellation passes as it is, and an error without a code keeps its text out of sight, since nobody checked it for secrets.
 */
function asActivityFailure(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted)
    return signal.reason instanceof Error ? signal.reason : new CancelledFailure('cancelled');
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (error instanceof ImageStreamError && error.code === 'ConfigurationDiffers') {
    const { attempt } = Context.current().info;
    return ApplicationFailure.create({
      type: error.code,
      message: error.message,
      nonRetryable: attempt >= MEETINGS,
      nextRetryDelay: MEETING_PAUSE_MS,
      details: [{ hint: error.hint, ...error.details }],
    });
  }
  if (error instanceof ImageStreamError) {
    return ApplicationFailure.create({
      type: error.code,
      message: error.message,
      nonRetryable: !error.retryable,
      details: [{ hint: error.hint, ...error.details }],
      ...(error.retryAfterMs === undefined ? {} : { nextRetryDelay: error.retryAfterMs }),
    });
  }
  if (error instanceof Error && error.name === 'AbortError') return new CancelledFailure('cancelled');
  const name = error instanceof Error ? error.name : typeof error;
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return ApplicationFailure.create({
    type: 'Internal',
    message: `${name}${code} in ${Context.current().info.activityType}; the worker's log has more`,
    nonRetryable: Context.current().info.attempt >= UNKNOWN_ATTEMPTS,
    details: [{ hint: '' }],
  });
}

/** Wraps each activity so that its failures carry codes. */
export function withFailures<T extends object>(activities: T, onUnknown: (error: unknown) => void): T {
  const wrapped = Object.entries(activities).map(([name, activity]: [string, unknown]) => {
    if (typeof activity !== 'function') throw new TypeError(`${name} is no function`);
    const run = async (...args: unknown[]): Promise<unknown> => {
      try {
        return await (activity as (...args: unknown[]) => Promise<unknown>)(...args);
      } catch (error) {
        const failure = asActivityFailure(error, Context.current().cancellationSignal);
        if (failure instanceof ApplicationFailure && failure.type === 'Internal') onUnknown(error);
        throw failure;
      }
    };
    return [name, run];
  });
  return Object.fromEntries(wrapped) as T;
}
