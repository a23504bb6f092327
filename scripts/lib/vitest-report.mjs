// node vitest-report.mjs numbers|failures REPORT.json
// numbers: `passed failed skipped` of a vitest JSON report; a file that failed outside its tests counts as one failure.
// failures: each failed test with the head of its message, for a reader who sees the end of the log only.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const LINES = 12;
const [what, path] = process.argv.slice(2);
const report = JSON.parse(readFileSync(path, 'utf8'));
const broken = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed'),
);

if (what === 'numbers') {
  const skipped = report.numPendingTests + (report.numTodoTests ?? 0);
  console.log(report.numPassedTests, report.numFailedTests + broken.length, skipped);
} else {
  for (const file of broken) tell(file, '(outside its tests)', [file.message]);
  for (const file of report.testResults)
    for (const test of file.assertionResults)
      if (test.status === 'failed') tell(file, test.fullName, test.failureMessages);
}

function tell(file, name, messages) {
  console.log(`  FAILED ${relative('.', file.name)}: ${name}`);
  for (const line of messages.join('\n').split('\n').slice(0, LINES)) console.log(`    ${line}`);
}
