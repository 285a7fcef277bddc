// Makes a fresh Debian machine ready: npm packages, host packages, the guest agent, the compiled CLI.
// Needs nothing but Node: no import from node_modules. Every step says what it does and is skipped when done.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { installHostPackages, missingPackages, missingTestPackages } from './host-packages.mjs';
import { ROOT, run, start } from './run.mjs';

function hashFiles(paths) {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(path).update('\0').update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

function listFiles(directory) {
  return readdirSync(directory, { recursive: true })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .sort();
}

/** Tells whether a step already ran for the same input files, and keeps that it did. */
function stampOf(name, inputs, output) {
  const path = join(ROOT, 'node_modules', '.gondolin', name);
  const digest = hashFiles(inputs);
  return {
    isFresh: existsSync(output) && existsSync(path) && readFileSync(path, 'utf8') === digest,
    write() {
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, digest);
    },
  };
}

/** Runs `action` unless the stamp says that it already ran for the same input files and its output is there. */
function unlessUnchanged(stampName, inputs, output, action) {
  const stamp = stampOf(stampName, inputs, output);
  if (stamp.isFresh) return;
  action();
  stamp.write();
}

/**
 * Builds the guest agent and dist/, each unless its sources are those of the last build.
 * @param withJs  Builds gondolin-js too, which takes half a minute.
 */
export function buildIfChanged({ withJs = false } = {}) {
  const guestSources = listFiles(join(ROOT, 'guest')).filter((path) => !path.includes('/build/'));
  const [stampName, output, targets] = withJs
    ? ['guest-js', 'guest/build/gondolin-js', ['all', 'js']]
    : ['guest', 'guest/build/gondolin-agent', ['all']];
  unlessUnchanged(stampName, guestSources, join(ROOT, output), () => {
    console.log(`setup: building the guest's programs (make -C guest ${targets.join(' ')})`);
    run('make', ['-s', `-j${availableParallelism()}`, '-C', 'guest', ...targets]);
  });
  const sources = ['src', 'schema', 'scripts'].flatMap((name) => listFiles(join(ROOT, name)));
  unlessUnchanged('dist', sources, join(ROOT, 'dist/cli/bin.js'), () => {
    console.log('setup: building dist/ (esbuild)');
    run('npm', ['run', '--silent', 'build']);
  });
}

/** Runs `npm ci` unless the packages are those of the lock file. */
export async function installNpmPackages() {
  const lockfile = join(ROOT, 'package-lock.json');
  const stamp = stampOf('npm', [lockfile], join(ROOT, 'node_modules', 'typescript'));
  if (stamp.isFresh) return;
  console.log('setup: installing npm packages (npm ci)');
  await start('npm', ['ci', '--no-fund', '--no-audit']);
  stamp.write();
}

/** Everything a checkout needs before its CLI, demo, bench or tests can run. npm and apt download at the same time. */
export async function setup({ forTests = false } = {}) {
  const packages = [...missingPackages(), ...(forTests ? missingTestPackages() : [])];
  await Promise.all([installNpmPackages(), installHostPackages(packages)]);
  buildIfChanged({ withJs: forTests });
}
