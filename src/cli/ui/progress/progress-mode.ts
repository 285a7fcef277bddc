import { GondolinError } from '../../../errors/gondolin-error.ts';
import type { CliIo } from '../../io.ts';

/** Values of `--progress`. */
export const PROGRESS_MODES = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
export type ProgressMode = (typeof PROGRESS_MODES)[number];

/** Narrower than this a live list says nothing; a terminal that does not know its size has 0 columns. */
const MIN_COLUMNS = 20;

function isDrawable({ stdout, env }: CliIo): boolean {
  const columns = stdout.columns ?? 0;
  return stdout.isTTY === true && columns >= MIN_COLUMNS && env['TERM'] !== 'dumb';
}

/**
 * The mode that `auto` stands for: `tty` on a terminal of a known width, `plain` elsewhere and where CI is set.
 * @throws {GondolinError} CLI_USAGE for `tty` without such a terminal.
 */
export function resolveProgress(mode: ProgressMode, io: CliIo): Exclude<ProgressMode, 'auto'> {
  if (mode === 'tty' && !isDrawable(io)) {
    throw new GondolinError(
      'CLI_USAGE',
      '--progress tty: standard output is no terminal, or too narrow',
      {
        hint: 'Use --progress plain, or leave the option out.',
      },
    );
  }
  if (mode !== 'auto') return mode;
  const ci = io.env['CI'];
  const isCi = ci !== undefined && ci !== '' && ci !== 'false';
  return isDrawable(io) && !isCi ? 'tty' : 'plain';
}
