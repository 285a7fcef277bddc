import { redactPattern } from '../../address/parse-host-pattern.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';

/**
 * Returns the error for a bad entry of a network list.
 * @param field    Key under `network:`.
 * @param entry    As written; shown quoted and cut.
 * @param problem  The problem with it, as a clause.
 * @param fix      The next move, a sentence.
 */
export function patternError(
  field: string,
  entry: string,
  problem: string,
  fix: string,
): GondolinError {
  const shown = redactPattern(entry);
  return new GondolinError(
    'NET_PATTERN_INVALID',
    `network.${field}: ${JSON.stringify(shown)} cannot be used: ${problem}`,
    { hint: fix, details: { field, entry: shown } },
  );
}
