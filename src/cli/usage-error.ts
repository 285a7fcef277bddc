import { GondolinError } from '../errors/gondolin-error.ts';
import { nearestName } from '../util/nearest-name.ts';

/** A mistake on the command line: CLI_USAGE, exit 2. */
export function usageError(message: string, hint?: string): GondolinError {
  return new GondolinError('CLI_USAGE', message, hint === undefined ? {} : { hint });
}

/** CLI_USAGE for a name that is not one of `known`, with the one most likely meant. */
export function unknownName(kind: string, name: string, known: readonly string[]): GondolinError {
  const near = nearestName(name, known);
  const list = known.length === 0 ? `there is no ${kind}` : `${kind} names: ${known.join(', ')}`;
  const hint = near === undefined ? `Here ${list}.` : `Did you mean ${near}? Here ${list}.`;
  return usageError(`unknown ${kind} "${name}"`, hint);
}
