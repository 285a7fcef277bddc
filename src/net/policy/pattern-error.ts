import { GondolinError } from '../../errors/gondolin-error.ts';

const MAX_SHOWN = 120;

/**
 * The error of a bad entry of a network list.
 * @param field    Key under `network:`.
 * @param entry    As written; shown quoted and cut.
 * @param problem  What is wrong with it, as a clause.
 * @param fix      The next move, a sentence.
 */
export function patternError(
  field: string,
  entry: string,
  problem: string,
  fix: string,
): GondolinError {
  // What stands before an @ is a password or a secret's value that went to the wrong list: never shown.
  const plain = entry.replace(/^.*@/s, '…@');
  const shown = plain.length > MAX_SHOWN ? `${plain.slice(0, MAX_SHOWN)}…` : plain;
  return new GondolinError(
    'NET_PATTERN_INVALID',
    `network.${field}: ${JSON.stringify(shown)} cannot be used: ${problem}`,
    { hint: fix, details: { field, entry: shown } },
  );
}
