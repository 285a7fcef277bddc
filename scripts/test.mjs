// `npm test`: everything CI checks, on a machine with nothing but git, Node and npm. Ends with a line of totals.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { environmentOf, FAST, installNode, NEWEST_LTS } from './nodes.mjs';
import { ROOT, run, setup } from './setup.mjs';

setup({ forTests: true });
run('make', ['-s', '-C', 'guest', 'test-programs']);

const reportDirectory = mkdtempSync(join(tmpdir(), 'gondolin-test-'));

/**
 * Runs vitest; its output comes as it is made, or in one piece at its end. Gives its report and exit code.
 * @param node  The program of the Node that runs it.
 */
function vitest(name, args, isLive, node = process.execPath) {
  const reportPath = join(reportDirectory, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile=${reportPath}`];
  const child = spawn(
    node,
    [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...args],
    {
      cwd: ROOT,
      env: environmentOf(node),
      stdio: ['ignore', isLive ? 'inherit' : 'pipe', isLive ? 'inherit' : 'pipe'],
    },
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

/** Undefined where this one is of the same line. */
function findNewestNode() {
  const [own, newest] = [process.versions.node, NEWEST_LTS].map((version) => version.split('.')[0]);
  return own === newest ? undefined : installNode(NEWEST_LTS);
}

/** Of one stream of tests: more would hold up the VM tests, which take longest. */
const WORKERS = '--maxWorkers=1';
/**
 * Folders of process tests that the newest Node leaves out, because their minutes go to other programs (npm, QuickJS, ssh)
 * or to the same modules as other folders: `npm run test:nodes` runs them too. What stays is what a Node changes: HTTP, TLS,
 * files and watches. The house tests read the text of the repository, which no Node changes.
 */
const NOT_ON_NEWEST = [
  ...['cli', 'image', 'ingress', 'js', 'machine', 'package', 'project', 'session', 'ssh', 'vm'],
];
const NEWEST = [
  ...['--project', 'unit', '--project', 'process', WORKERS],
  ...NOT_ON_NEWEST.flatMap((name) => ['--exclude', `test/process/${name}/**`]),
];

/** What boots no VM, one after another. */
async function runFast() {
  const codes = [
    await check('npm', 'run', '--silent', 'typecheck'),
    await check('npm', 'run', '--silent', 'lint'),
    await check('make', '-s', '-C', 'guest', 'test'),
  ];
  const fast = await vitest('fast', [...FAST, WORKERS], false);
  return { ...fast, code: codes.find((one) => one !== 0) ?? fast.code };
}

/** Fast tests wait for other processes half of their time, so that one stream of them beside the VM tests leaves a core idle. */
async function runAll() {
  const newestNode = findNewestNode();
  if (newestNode !== undefined) console.log(`test: the fast tests on Node ${NEWEST_LTS}, too`);
  return Promise.all([
    vitest('vm', ['--project', 'vm'], true),
    runFast(),
    ...(newestNode === undefined ? [] : [vitest('newest-node', NEWEST, false, newestNode)]),
  ]);
}

/** The end of a long log is what is read first, and sometimes all of it that is kept. */
function printFailures(runs) {
  for (const { testResults } of runs.map(({ report }) => report)) {
    for (const { name, message, assertionResults } of testResults) {
      const failed = assertionResults.filter(({ status }) => status === 'failed');
      for (const { fullName, failureMessages } of failed) {
        console.log(`failed: ${relative(ROOT, name)}: ${fullName}`);
        for (const text of failureMessages) console.log(text.split('\n').slice(0, 8).join('\n'));
      }
      if (failed.length === 0 && message !== '') {
        console.log(`failed: ${relative(ROOT, name)}\n${message}`);
      }
    }
  }
}

const chosen = process.argv.slice(2);
try {
  const runs = chosen.length > 0 ? [await vitest('chosen', chosen, true)] : await runAll();
  const sum = (key) => runs.reduce((total, { report }) => total + report[key], 0);
  printFailures(runs);
  const skipped = sum('numPendingTests') + sum('numTodoTests');
  console.log(
    `${sum('numPassedTests')} passed, ${sum('numFailedTests')} failed, ${skipped} skipped`,
  );
  process.exitCode = runs.find(({ code }) => code !== 0)?.code ?? 0;
} finally {
  rmSync(reportDirectory, { recursive: true, force: true });
}
