import { GondolinError } from '../errors/gondolin-error.ts';
import { nearestName } from '../util/nearest-name.ts';

/** Creates the error for a mistake on the command line: CLI_USAGE, exit 2. */
export function usageError(message: string, hint?: string): GondolinError {
  return new GondolinError('CLI_USAGE', message, hint === undefined ? {} : { hint });
}

const PLURALS = {
  ...{ sandbox: 'sandboxes', step: 'steps', profile: 'profiles', function: 'functions' },
} as const;

/** Creates the CLI_USAGE error for a name that is not in `known`, with the most similar one as a suggestion. */
export function unknownName(
  kind: keyof typeof PLURALS,
  name: string,
  known: readonly string[],
): GondolinError {
  const near = nearestName(name, known);
  const list =
    known.length === 0 ? `There is no ${kind}.` : `Known ${PLURALS[kind]}: ${known.join(', ')}.`;
  const hint = near === undefined ? list : `Did you mean ${near}? ${list}`;
  return usageError(`unknown ${kind} "${name}"`, hint);
}
