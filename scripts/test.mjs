// `npm test`: everything CI checks, on a machine with nothing but git, Node and npm. Ends with a line of totals.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, run, setup } from './setup.mjs';

setup({ forTests: true });
run('npm', ['run', '--silent', 'typecheck']);
run('npm', ['run', '--silent', 'lint']);
run('make', ['-s', '-C', 'guest', 'test', 'test-programs']);

const reportDirectory = mkdtempSync(join(tmpdir(), 'gondolin-test-'));

/** Runs vitest; its output comes as it is made, or in one piece at its end. Gives its report and exit code. */
function vitest(name, args, isLive) {
  const reportPath = join(reportDirectory, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile=${reportPath}`];
  const child = spawn(
    process.execPath,
    [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...args],
    { cwd: ROOT, stdio: ['ignore', isLive ? 'inherit' : 'pipe', isLive ? 'inherit' : 'pipe'] },
  );
  const output = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => output.push(chunk));
  }
  return new Promise((resolve) => {
    child.on('close', (code) => {
      process.stdout.write(Buffer.concat(output));
      resolve({ code: code ?? 1, report: JSON.parse(readFileSync(reportPath, 'utf8')) });
    });
  });
}

/** The VM tests wait for their guest most of the time: one worker beside them does all the others meanwhile. */
function runAll() {
  const fast = ['unit', 'house', 'process'].flatMap((project) => ['--project', project]);
  return Promise.all([
    vitest('vm', ['--project', 'vm'], true),
    vitest('fast', [...fast, '--maxWorkers=1'], false),
  ]);
}

const chosen = process.argv.slice(2);
try {
  const runs = chosen.length > 0 ? [await vitest('chosen', chosen, true)] : await runAll();
  const sum = (key) => runs.reduce((total, { report }) => total + report[key], 0);
  const skipped = sum('numPendingTests') + sum('numTodoTests');
  console.log(
    `${sum('numPassedTests')} passed, ${sum('numFailedTests')} failed, ${skipped} skipped`,
  );
  process.exitCode = runs.find(({ code }) => code !== 0)?.code ?? 0;
} finally {
  rmSync(reportDirectory, { recursive: true, force: true });
}
