import { ServiceError, WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, CancelledFailure, TerminatedFailure } from '@temporalio/common';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { errorReport, reportError } from '../../../cli/report-error.js';
import { ERROR_TABLE, isErrorCode } from '../../../contracts/error-codes.js';
import { ImageStreamError } from '../../../contracts/errors.js';
import { capture } from './capture.js';

const plain = { debug: false, json: false };

function failed(cause: Error): WorkflowFailedError {
  return new WorkflowFailedError('Workflow execution failed', cause, 'NON_RETRYABLE_FAILURE');
}

describe('every code of the table', () => {
  test.each(Object.keys(ERROR_TABLE))('%s is one line with its remedy, and its own exit status', (code) => {
    if (!isErrorCode(code)) throw new Error(code);
    const io = capture('/');
    const exit = reportError(new ImageStreamError(code, 'Something\nhappened'), io, plain);
    expect(exit).toBe(ERROR_TABLE[code].exit);
    expect(io.stderr).toBe(`${code}: Something happened. ${ERROR_TABLE[code].remedy}\n`);
    expect(io.stdout).toBe('');
  });
});

test("the failure of a run is told by its type, with the activity's own hint", () => {
  const cause = ApplicationFailure.create({
    type: 'MirrorNotFound',
    message: 'http://127.0.0.1/x is not there',
    details: [{ hint: 'Look elsewhere.' }],
  });
  const activity = new ActivityFailure(
    'Activity failed',
    'fetchIndex',
    '1',
    'NON_RETRYABLE_FAILURE',
    'worker',
    cause,
  );
  expect(errorReport(failed(activity))).toEqual({
    code: 'MirrorNotFound',
    message: 'http://127.0.0.1/x is not there',
    hint: 'Look elsewhere.',
    exit: 1,
  });
});

test('a failure of a run keeps the exit status of its code', () => {
  const failure = ApplicationFailure.create({ type: 'ServicesUnavailable', message: 'no Glance yet' });
  expect(errorReport(failed(failure))).toMatchObject({
    exit: 69,
    hint: ERROR_TABLE.ServicesUnavailable.remedy,
  });
});

test('a run that was cancelled or terminated is no error of the program', () => {
  expect(errorReport(failed(new CancelledFailure('cancelled')))).toMatchObject({
    code: 'Cancelled',
    exit: 1,
  });
  expect(errorReport(failed(new TerminatedFailure('terminated', undefined)))).toMatchObject({
    code: 'Cancelled',
    message: 'The run was terminated',
  });
});

test('a mistake on the command line is Usage, exit 2', () => {
  const program = new Command('image-stream')
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  program.command('runs').exitOverride();
  let thrown: unknown;
  try {
    program.parse(['--nope'], { from: 'user' });
  } catch (error) {
    thrown = error;
  }
  expect(errorReport(thrown)).toMatchObject({ code: 'Usage', message: "unknown option '--nope'", exit: 2 });
});

test('an unforeseen error is Internal, without a stack unless --debug asks for it', () => {
  const io = capture('/');
  expect(reportError(new TypeError('x is undefined'), io, plain)).toBe(1);
  expect(io.stderr).toMatch(/^Internal: x is undefined\. .*\n$/);
  const debug = capture('/');
  reportError(new TypeError('outer', { cause: new Error('inner') }), debug, { debug: true, json: false });
  expect(debug.stderr).toMatch(/TypeError: outer\n\s+at [^]*caused by Error: inner\n/);
});

test('with --output json the error is one JSON object on standard error', () => {
  const io = capture('/');
  reportError(new ImageStreamError('RunNotFound', 'no run'), io, { debug: false, json: true });
  expect(JSON.parse(io.stderr)).toEqual({
    error: { code: 'RunNotFound', message: 'no run', hint: ERROR_TABLE.RunNotFound.remedy, exit: 2 },
  });
});

test('a Temporal server that goes away under a command is unreachable, and no fault of the command', () => {
  const gone = Object.assign(new Error('14 UNAVAILABLE: connect ECONNREFUSED'), { code: 14 });
  const report = errorReport(new ServiceError('Failed to get Workflow execution history', { cause: gone }));
  expect(report).toMatchObject({ code: 'TemporalUnreachable', exit: 69 });
  expect(errorReport(new ServiceError('odd', { cause: new Error('odd') })).code).toBe('Internal');
});
