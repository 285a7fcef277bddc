// How scripts start programs. Needs nothing but Node: no import from node_modules.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');

/** Runs a command with its output shown; ends this process when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) fail(command, args, result.signal ?? result.status);
}

/** Ends of commands that this process waits for before it ends because another one failed. */
const unfinished = new Set();

/**
 * Like `run`, while this process does other things.
 * @param isQuiet  Shows output only when the command fails.
 * @param mustFinish  Lets the command finish when another one fails: apt that is killed leaves packages half installed.
 */
export async function start(command, args, { isQuiet = false, mustFinish = false } = {}) {
  const output = isQuiet ? 'pipe' : 'inherit';
  const child = spawn(command, args, { cwd: ROOT, stdio: ['inherit', output, output] });
  const kill = () => child.kill();
  const shown = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => shown.push(chunk));
  }
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  if (mustFinish) unfinished.add(ended);
  else process.once('exit', kill);
  const status = await ended;
  unfinished.delete(ended);
  process.off('exit', kill);
  if (status === 0) return;
  process.stdout.write(Buffer.concat(shown));
  await Promise.allSettled(unfinished);
  fail(command, args, status);
}

function fail(command, args, status) {
  console.error(`setup: \`${[command, ...args].join(' ')}\` ended with ${status}`);
  process.exit(typeof status === 'number' ? status : 1);
}
