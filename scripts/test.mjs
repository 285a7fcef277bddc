// `npm test`: everything CI checks, on a machine with nothing but git, Node and npm. Ends with a line of totals.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, run, setup } from './setup.mjs';

setup({ forTests: true });
run('npm', ['run', '--silent', 'typecheck']);
run('npm', ['run', '--silent', 'lint']);
run('make', ['-s', '-C', 'guest', 'test', 'test-programs']);

const reportDirectory = mkdtempSync(join(tmpdir(), 'gondolin-test-'));
const reportPath = join(reportDirectory, 'report.json');
try {
  const vitest = spawnSync(
    process.execPath,
    [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile=${reportPath}`,
      ...process.argv.slice(2),
    ],
    { cwd: ROOT, stdio: 'inherit' },
  );
  const report = JSON.parse(readFileSync(reportPath, 'utf8'));
  const skipped = report.numPendingTests + report.numTodoTests;
  console.log(
    `${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped} skipped`,
  );
  process.exitCode = vitest.status ?? 1;
} finally {
  rmSync(reportDirectory, { recursive: true, force: true });
}
