// `npm test`: everything CI checks, on a machine with nothing but git, Node and npm. Ends with a line of totals.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { installHostPackages, missingPackages, missingTestPackages } from './host-packages.mjs';
import { environmentOf, installNode, NEWEST_LTS } from './nodes.mjs';
import { ROOT, start } from './run.mjs';
import { installNpmPackages, setup } from './setup.mjs';

const reportDirectory = mkdtempSync(join(tmpdir(), 'gondolin-test-'));

/**
 * Runs vitest; its output comes as it is made, or in one piece at its end. Gives its report and exit code.
 * @param node  The program of the Node that runs it.
 */
function vitest(name, args, isLive, node = process.execPath) {
  const reportPath = join(reportDirectory, `${name}.json`);
  const options = [
    ...['--reporter=default', '--reporter=json', `--outputFile=${reportPath}`],
    // The runs load the same modules.
    '--experimental.fsModuleCache',
  ];
  const child = spawn(
    node,
    [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...options, ...args],
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

const NO_TESTS = {
  ...{ testResults: [], numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 },
};

/** Runs a command that prints only what is wrong. Gives what `vitest()` gives. */
function check(command, ...args) {
  const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit' });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code: code ?? 1, report: NO_TESTS }));
  });
}

/** Runs one after another until the end, whether they pass or not. */
async function inOrder(...steps) {
  const runs = [];
  for (const step of steps) runs.push(await step());
  return runs;
}

/** Undefined where this one is of the same line. */
function findNewestNode() {
  const [own, newest] = [process.versions.node, NEWEST_LTS].map((version) => version.split('.')[0]);
  return own === newest ? undefined : installNode(NEWEST_LTS);
}

/**
 * Folders of tests that run on the newest Node, too: of what a Node changes, which is HTTP, TLS, files and watches.
 * `npm run test:nodes` runs all of them on each line of Node.
 */
const ON_NEWEST = ['unit/net', 'unit/mux', 'process/net', 'process/vfs', 'process/watch'].map(
  (name) => `test/${name}/`,
);
/** What these take goes to other programs, or to random cases of code that asks little of Node. */
const NOT_ON_NEWEST = [
  ...['net/ssh-egress', 'net/nginx', 'net/host-ca', 'net/scrub-answers', 'net/audit/*'],
  ...['vfs/remote/*', 'vfs/snapshot*', 'vfs/provider-model', 'vfs/hostile-state'],
  ...['vfs/overlay-provider', 'vfs/hooks/*', 'vfs/shared-volume', 'net/hostile', 'net/held-heads'],
].map((name) => `process/${name}.test.ts`);
/** Of one stream of tests: three streams are enough for two cores. */
const WORKERS = '--maxWorkers=1';
const UNIT = ['--project', 'unit', WORKERS];
const HOUSE = ['--project', 'house', WORKERS];
/** Of images: the rest of the process tests alone takes as long as the other streams. */
const IMAGES = ['--project', 'process', WORKERS, 'test/process/image/'];
const PROCESS = ['--project', 'process', WORKERS, '--exclude', 'test/process/image/**'];
const NEWEST = [
  ...['--project', 'unit', '--project', 'process', WORKERS, ...ON_NEWEST],
  ...NOT_ON_NEWEST.flatMap((name) => ['--exclude', `test/${name}`]),
];
const TSX = ['--import', 'tsx'];
/** VM tests of the package as it is packed and installed. */
const PACKAGE_VM = ['package', 'documents', 'functions'].map((name) => `test/vm/${name}.test.ts`);
const VM = ['--project', 'vm'];

const build = (...args) => start(process.execPath, ['scripts/build-if-changed.mjs', ...args]);
const buildTestPrograms = () => start('make', ['-s', '-C', 'guest', 'test-programs']);

/**
 * Does what `setup()` does and more, each part as early as it can be, because a clean machine takes minutes for all of it.
 * Gives a promise of each part that tests wait for; this process ends when one fails.
 */
function startSetup() {
  const npm = installNpmPackages();
  const runtime = installHostPackages(missingPackages());
  // What apt says about them would stand between the lines of tests.
  const tools = runtime.then(() => installHostPackages(missingTestPackages(), { isQuiet: true }));
  const agent = Promise.all([npm, runtime]).then(() => build('--without-js'));
  const image = agent.then(() => start(process.execPath, [...TSX, 'test/build-base-image.ts']));
  // QuickJS takes one core half a minute.
  const programs = Promise.all([agent.then(() => build()), tools]).then(buildTestPrograms);
  return { npm, tools, image, programs };
}

/** Three streams of about the same length: each waits for other processes a third of its time, on two cores. */
async function runAll() {
  const { npm, tools, image, programs } = startSetup();
  const notOfPackage = PACKAGE_VM.flatMap((name) => ['--exclude', name]);
  const runs = await Promise.all([
    Promise.all([image, programs]).then(() => vitest('vm', [...VM, ...notOfPackage], true)),
    programs.then(() => vitest('process', PROCESS, false)),
    inOrder(
      () => npm.then(() => check('npm', 'run', '--silent', 'typecheck')),
      () => check('npm', 'run', '--silent', 'lint:ts'),
      // Needs nothing of the host: on a clean machine apt takes the minutes of it.
      () => vitest('unit', UNIT, false),
      () => tools.then(() => check('make', '-s', '-C', 'guest', 'lint')),
      () => check('make', '-s', '-C', 'guest', 'test'),
      () => vitest('house', HOUSE, false),
      () => programs.then(runOnNewestNode),
      () => vitest('images', IMAGES, false),
      () => vitest('package-vm', [...VM, ...PACKAGE_VM], false),
    ),
  ]);
  return runs.flat();
}

function runOnNewestNode() {
  const node = findNewestNode();
  if (node === undefined) return { code: 0, report: NO_TESTS };
  console.log(`test: the fast tests on Node ${NEWEST_LTS}, too`);
  return vitest('newest-node', NEWEST, false, node);
}

async function runChosen(args) {
  await setup({ forTests: true });
  await buildTestPrograms();
  return [await vitest('chosen', args, true)];
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
  const runs = await (chosen.length > 0 ? runChosen(chosen) : runAll());
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
