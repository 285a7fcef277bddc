import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';

/** The `name` of our package.json. */
const PACKAGE_NAME = 'gondolin';

/** Returns the name in a directory's package.json; undefined without a readable file. */
function packageNameIn(directory: string): unknown {
  try {
    const text = readFileSync(join(directory, 'package.json'), 'utf8');
    return (JSON.parse(text) as { name?: unknown }).name;
  } catch {
    // No file, or one of another program: the search continues above.
    return undefined;
  }
}

/**
 * Returns the nearest directory, `directory` or one above, whose package.json is this package's. This module runs from
 * `src/host/`, `dist/`, `dist/chunks/` and `dist/cli/` (which has a package.json without a name), so no fixed number of
 * levels is right. The package may be installed under another name; its package.json keeps its own.
 * @throws {GondolinError} HOST_PACKAGE_INCOMPLETE when there is none.
 */
export function findPackageRoot(directory: string): string {
  let candidate = directory;
  while (packageNameIn(candidate) !== PACKAGE_NAME) {
    const parent = dirname(candidate);
    if (parent === candidate) {
      throw new GondolinError(
        'HOST_PACKAGE_INCOMPLETE',
        `Cannot find the files of gondolin: no package.json named "${PACKAGE_NAME}" in "${directory}" or above`,
        { details: { path: directory } },
      );
    }
    candidate = parent;
  }
  return candidate;
}

let found: string | undefined;

/**
 * Returns the absolute path of the package's own directory.
 * @throws {GondolinError} HOST_PACKAGE_INCOMPLETE when this code was copied out of it.
 */
export function packageRoot(): string {
  found ??= findPackageRoot(import.meta.dirname);
  return found;
}

/**
 * Returns the absolute path of a file the package ships, e.g. `packageFile('schema', 'gondolin.schema.json')`.
 * @throws {GondolinError} HOST_PACKAGE_INCOMPLETE
 */
export function packageFile(...segments: readonly string[]): string {
  return join(packageRoot(), ...segments);
}

/**
 * Returns the version of the package, from its package.json.
 * @throws {GondolinError} HOST_PACKAGE_INCOMPLETE
 */
export function packageVersion(): string {
  const text = readFileSync(packageFile('package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** @throws {GondolinError} HOST_AGENT_NOT_BUILT */
function builtProgram(root: string, name: string, what: string, target = 'all'): string {
  const path = join(root, 'guest', 'build', name);
  if (!existsSync(path)) {
    throw new GondolinError('HOST_AGENT_NOT_BUILT', `The ${what} is not built: no "${path}"`, {
      hint: `Build it: make -C ${join(root, 'guest')} ${target}.`,
      details: { path },
    });
  }
  return path;
}

/**
 * Returns the path of the guest agent's static binary.
 * @throws {GondolinError} HOST_AGENT_NOT_BUILT when `make -C guest` has not run, HOST_PACKAGE_INCOMPLETE.
 */
export function guestAgentPath(root: string = packageRoot()): string {
  return builtProgram(root, 'gondolin-agent', 'guest agent');
}

/**
 * Returns the path of the program that confines QEMU.
 * @throws {GondolinError} HOST_AGENT_NOT_BUILT when `make -C guest` has not run, HOST_PACKAGE_INCOMPLETE.
 */
export function confineProgramPath(root: string = packageRoot()): string {
  return builtProgram(root, 'gondolin-confine', 'program that confines QEMU');
}

/**
 * Returns the path of the program that runs JavaScript in guests.
 * @throws {GondolinError} HOST_AGENT_NOT_BUILT when `make -C guest js` has not run, HOST_PACKAGE_INCOMPLETE.
 */
export function jsProgramPath(root: string = packageRoot()): string {
  return builtProgram(root, 'gondolin-js', 'program that runs JavaScript in guests', 'js');
}
