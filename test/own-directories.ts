import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TEST_HOME } from './test-environment.ts';

/** Where gondolin keeps things for a user of that home directory. */
const USER_DIRECTORIES = ['.cache/gondolin', '.local/state/gondolin'];

export function setup(): void {
  mkdirSync(TEST_HOME, { recursive: true });
}

/** Fails a run whose tests kept something in the user's directories instead of their own. */
export function teardown(): void {
  const left = USER_DIRECTORIES.map((name) => join(TEST_HOME, name)).filter((path) =>
    existsSync(path),
  );
  if (left.length === 0) return;
  // Vitest prints what a teardown throws, and ends with 0 all the same.
  process.exitCode = 1;
  throw new Error(`A test wrote to the user's directories: ${left.join(', ')}`);
}
