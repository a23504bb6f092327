import type { Command } from 'commander';
import type { SyncMirrorResult } from '../contracts/workflows.js';
import { contextOf, type CommandContext } from './context.js';
import { exitOf, runMirrors } from './mirror-runs.js';
import { errorReport, reportError } from './report-error.js';
import { summaryOf } from './run-result.js';
import type { StartedRun } from './run-starter.js';
import { renderPlan, renderSummary } from './summary.js';
import { waitOption } from './wait-option.js';

interface SyncOptions {
  dryRun: boolean;
  detach: boolean;
  allowOlder: boolean;
  wait: number;
}

export function registerSync(program: Command): void {
  program
    .command('sync [mirror...]')
    .description('bring the images of mirrors into their clouds, publish and advertise them')
    .option('--dry-run', 'show what would be done, and change nothing', false)
    .option('--allow-older', 'take a mirror also where it has gone back behind what was seen of it', false)
    .option('--detach', 'start the runs and leave them to the workers of the Temporal server', false)
    .addOption(waitOption())
    .action(async (mirrors: string[], options: SyncOptions, command: Command) => {
      const context = contextOf(command);
      process.exitCode = await runMirrors(context, mirrors, {
        kind: options.dryRun ? 'plan' : 'sync',
        waitMs: Math.round(options.wait * 1000),
        allowOlder: options.allowOlder,
        detach: options.detach,
        report: (runs, outcomes) => reportSync(context, runs, outcomes),
      });
    });
}

/** Prints what came of syncs or of their plans. Returns the exit status. */
export function reportSync(
  { io, json, options }: CommandContext,
  runs: readonly StartedRun[],
  outcomes: readonly PromiseSettledResult<SyncMirrorResult>[],
): number {
  let exit = 0;
  const summaries: unknown[] = [];
  outcomes.forEach((outcome, index) => {
    const summary = outcome.status === 'fulfilled' ? outcome.value : summaryOf(outcome.reason);
    const error = outcome.status === 'rejected' ? errorReport(outcome.reason) : undefined;
    summaries.push({ run: runs[index]?.workflowId, ...summary, ...(error ? { error } : {}) });
    if (summary && !json) io.out(summary.plans ? renderPlan(summary) : renderSummary(summary));
    if (outcome.status === 'rejected') {
      const status = json
        ? (error?.exit ?? 1)
        : reportError(outcome.reason, io, { debug: options.debug, json });
      exit = Math.max(exit, summary ? exitOf(summary, status) : status);
    }
  });
  if (json) io.out(`${JSON.stringify({ runs: summaries }, null, 2)}\n`);
  return exit;
}
