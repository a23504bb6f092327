import { ApplicationFailure } from '@temporalio/common';
import { ServiceError, WorkflowFailedError } from '@temporalio/client';
import { CommanderError } from 'commander';
import { ERROR_TABLE, isErrorCode } from '../contracts/error-codes.js';
import { ImageStreamError, errorLine } from '../contracts/errors.js';
import type { Io } from './io.js';

export interface ErrorReport {
  code: string;
  message: string;
  hint: string;
  /** Exit status of the command. */
  exit: number;
}

/** What a user is told of an error: its code, one sentence, what to do. */
export function errorReport(error: unknown): ErrorReport {
  if (error instanceof ImageStreamError) {
    return { code: error.code, message: error.message, hint: error.hint, exit: error.exit };
  }
  if (error instanceof CommanderError) {
    const message =
      error.code === 'commander.help' ? 'A command is missing' : error.message.replace(/^error: /, '');
    return { code: 'Usage', message, hint: ERROR_TABLE.Usage.remedy, exit: ERROR_TABLE.Usage.exit };
  }
  if (error instanceof WorkflowFailedError) return failureReport(error.cause);
  if (error instanceof ServiceError && isGone(error.cause)) {
    const { remedy, exit } = ERROR_TABLE.TemporalUnreachable;
    const message = 'The Temporal server does not answer any more; what runs there is not lost';
    return { code: 'TemporalUnreachable', message, hint: remedy, exit };
  }
  return internal(error);
}

/** gRPC's DEADLINE_EXCEEDED and UNAVAILABLE, after the client's own retries. */
function isGone(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 4 || cause.code === 14);
}

function failureReport(error: unknown): ErrorReport {
  let current: unknown = error;
  while (current instanceof Error) {
    if (current instanceof ApplicationFailure) {
      const code = current.type ?? 'Internal';
      const facts = isErrorCode(code) ? ERROR_TABLE[code] : ERROR_TABLE.Internal;
      const detail: unknown = current.details?.[0];
      const hint =
        typeof detail === 'object' && detail !== null && 'hint' in detail && typeof detail.hint === 'string'
          ? detail.hint
          : '';
      return { code, message: current.message, hint: hint || facts.remedy, exit: facts.exit };
    }
    if (current.name === 'CancelledFailure') {
      return {
        code: 'Cancelled',
        message: 'The run was cancelled',
        hint: ERROR_TABLE.Cancelled.remedy,
        exit: 1,
      };
    }
    if (current.name === 'TerminatedFailure') {
      return {
        code: 'Cancelled',
        message: 'The run was terminated',
        hint: ERROR_TABLE.Cancelled.remedy,
        exit: 1,
      };
    }
    if (current.cause === undefined) break;
    current = current.cause;
  }
  return internal(current);
}

function internal(error: unknown): ErrorReport {
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'Internal', message, hint: ERROR_TABLE.Internal.remedy, exit: 1 };
}

/** Writes an error to standard error as one line (or JSON) and gives the exit status. */
export function reportError(error: unknown, io: Io, options: { debug: boolean; json: boolean }): number {
  const report = errorReport(error);
  if (options.json) io.err(`${JSON.stringify({ error: report })}\n`);
  else io.err(`${errorLine(report)}\n`);
  if (options.debug && error instanceof Error) io.err(`${stackOf(error)}\n`);
  return report.exit;
}

function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
