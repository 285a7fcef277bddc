import { type NamedSandbox, sandboxesNamed } from '../../plan/sandboxes-named.ts';
import { usageError } from '../usage-error.ts';

/**
 * Returns the sandboxes of a project that a command names, in the order of the project; a sandbox with `matrix:` means all that it made.
 * @param names  Empty for all.
 * @throws {GondolinError} CLI_USAGE for an unknown name
 */
export function chooseStates<T extends NamedSandbox>(
  states: readonly T[],
  names: readonly string[],
): readonly T[] {
  if (names.length === 0) return states;
  const chosen = new Set<T>();
  for (const name of names) {
    const named = sandboxesNamed(states, name);
    for (const state of named) chosen.add(state);
    if (named.length > 0) continue;
    const known = states.map((state) => state.name).join(', ');
    throw usageError(`the project has no sandbox ${JSON.stringify(name)}`, `It has: ${known}.`);
  }
  return states.filter((state) => chosen.has(state));
}
