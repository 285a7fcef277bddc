// `npm test`: everything CI checks, on a machine with nothing but git, Node and npm. Ends with a line of totals.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, run, setup } from './setup.mjs';

setup({ forTests: true });
run('make', ['-s', '-C', 'guest', 'test-programs']);

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

/** Runs a check that prints only what is wrong; gives its exit code. */
function check(command, ...args) {
  const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit' });
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

/** What boots no VM, one after another. */
async function runFast() {
  const codes = [
    await check('npm', 'run', '--silent', 'typecheck'),
    await check('npm', 'run', '--silent', 'lint'),
    await check('make', '-s', '-C', 'guest', 'test'),
  ];
  const projects = ['unit', 'house', 'process'].flatMap((project) => ['--project', project]);
  const { code, report } = await vitest('fast', [...projects, '--maxWorkers=1'], false);
  return { code: codes.find((one) => one !== 0) ?? code, report };
}

/** The VM tests wait for their guest most of the time: one worker beside them does all the others meanwhile. */
function runAll() {
  return Promise.all([vitest('vm', ['--project', 'vm'], true), runFast()]);
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
