import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * Where all tests keep what outlives them, so that images are built once and nothing of them is the user's. A directory
 * of the checkout that git ignores, or that of `GONDOLIN_TEST_DIRECTORY`.
 */
export const TEST_DIRECTORY: string = resolve(
  import.meta.dirname,
  '..',
  process.env['GONDOLIN_TEST_DIRECTORY'] ?? '.cache/test',
);

/** A home directory for code that looks past the XDG variables: gondolin must leave nothing in it. */
export const TEST_HOME: string = join(TEST_DIRECTORY, 'home');

/** Environment of every test and of the programs it starts. npm keeps the user's settings and downloads. */
export const testEnvironment: Record<string, string> = {
  HOME: TEST_HOME,
  XDG_CACHE_HOME: join(TEST_DIRECTORY, 'cache'),
  XDG_STATE_HOME: join(TEST_DIRECTORY, 'state'),
  npm_config_userconfig: process.env['npm_config_userconfig'] ?? join(homedir(), '.npmrc'),
  npm_config_cache: process.env['npm_config_cache'] ?? join(homedir(), '.npm'),
};
