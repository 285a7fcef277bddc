import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';

/** Directory of the package's own package.json; `src/host` and `dist/host` lie at the same depth below it. */
export const packageRoot: string = resolve(import.meta.dirname, '..', '..');

/** Absolute path of a file the package ships, e.g. `packageFile('schema', 'gondolin.schema.json')`. */
export function packageFile(...segments: readonly string[]): string {
  return join(packageRoot, ...segments);
}

/**
 * Path of the guest agent's static binary.
 * @throws {GondolinError} HOST_AGENT_NOT_BUILT when `make -C guest` has not run.
 */
export function guestAgentPath(root: string = packageRoot): string {
  const path = join(root, 'guest', 'build', 'gondolin-agent');
  if (!existsSync(path)) {
    throw new GondolinError('HOST_AGENT_NOT_BUILT', `The guest agent is not built: no "${path}"`, {
      hint: `Build it: make -C ${join(root, 'guest')}.`,
      details: { path },
    });
  }
  return path;
}
