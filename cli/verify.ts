import type { Command } from 'commander';
import type { SyncMirrorResult } from '../contracts/workflows.js';
import { contextOf, type CommandContext } from './context.js';
import { exitOf, runMirrors } from './mirror-runs.js';
import { errorReport, reportError } from './report-error.js';
import { summaryOf } from './run-result.js';
import type { StartedRun } from './run-starter.js';
import { agrees, renderVerification } from './verify-text.js';
import { waitOption } from './wait-option.js';

export function registerVerify(program: Command): void {
  program
    .command('verify [mirror...]')
    .description('compare mirrors, images, published metadata and the advertised endpoint; change nothing')
    .addOption(waitOption())
    .action(async (mirrors: string[], { wait }: { wait: number }, command: Command) => {
      const context = contextOf(command);
      process.exitCode = await runMirrors(context, mirrors, {
        kind: 'verify',
        waitMs: Math.round(wait * 1000),
        detach: false,
        report: (runs, outcomes) => report(context, runs, outcomes),
      });
    });
}

/** Exit status 0 where all agree, 1 where anything differs or could not be compared, 69 where only services were missing. */
function report(
  { io, json, options }: CommandContext,
  runs: readonly StartedRun[],
  outcomes: readonly PromiseSettledResult<SyncMirrorResult>[],
): number {
  let exit = 0;
  const reports: unknown[] = [];
  outcomes.forEach((outcome, index) => {
    const result = outcome.status === 'fulfilled' ? outcome.value : summaryOf(outcome.reason);
    const error = outcome.status === 'rejected' ? errorReport(outcome.reason) : undefined;
    const agree = error === undefined && result !== undefined && agrees(result);
    reports.push({ run: runs[index]?.workflowId, agree, ...result, ...(error ? { error } : {}) });
    if (result && !json) io.out(renderVerification(result));
    if (!agree) exit = Math.max(exit, 1);
    if (outcome.status === 'rejected') {
      const status = json
        ? (error?.exit ?? 1)
        : reportError(outcome.reason, io, { debug: options.debug, json });
      const differs = result?.plans !== undefined && !agrees({ ...result, failedRegions: [] });
      exit = Math.max(exit, result ? (differs ? 1 : exitOf(result, status)) : status);
    }
  });
  if (json) io.out(`${JSON.stringify({ agree: exit === 0, runs: reports }, null, 2)}\n`);
  return exit;
}
