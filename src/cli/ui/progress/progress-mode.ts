import { GondolinError } from '../../../errors/gondolin-error.ts';
import type { CliIo } from '../../io.ts';

/** The values of `--progress`. */
export const PROGRESS_MODES = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
export type ProgressMode = (typeof PROGRESS_MODES)[number];

/** A live list is useless on fewer columns; a terminal of unknown size has 0. */
const MIN_COLUMNS = 20;

function isDrawable({ stdout, env }: CliIo): boolean {
  const columns = stdout.columns ?? 0;
  return stdout.isTTY === true && columns >= MIN_COLUMNS && env['TERM'] !== 'dumb';
}

/**
 * Resolves `auto`: to `tty` on a terminal of known width, to `plain` elsewhere and when CI is set.
 * @throws {GondolinError} CLI_USAGE for `tty` without such a terminal.
 */
export function resolveProgress(mode: ProgressMode, io: CliIo): Exclude<ProgressMode, 'auto'> {
  if (mode === 'tty' && !isDrawable(io)) {
    throw new GondolinError(
      'CLI_USAGE',
      '--progress tty: standard output is not a terminal, or is too narrow',
      {
        hint: 'Use --progress plain, or omit the option.',
      },
    );
  }
  if (mode !== 'auto') return mode;
  const ci = io.env['CI'];
  const isCi = ci !== undefined && ci !== '' && ci !== 'false';
  return isDrawable(io) && !isCi ? 'tty' : 'plain';
}
