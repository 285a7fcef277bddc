import { GondolinError } from '../../errors/gondolin-error.ts';
import type { TerminalSize } from '../../protocol/host-message.ts';

/** Size of a terminal whose user names none: that of the VT100. */
const DEFAULT_SIZE: TerminalSize = { rows: 24, columns: 80 };
const MAX = 65_535;

/**
 * Variables of a command on a terminal: a terminal that the `ncurses-base` of every Debian knows, unless the caller sets
 * another one.
 */
export const TERMINAL_ENV: Readonly<Record<string, string>> = { TERM: 'xterm-256color' };

/** The options of a command that describe its terminal. */
export interface TerminalOptions {
  readonly pty?: boolean;
  readonly rows?: number;
  readonly columns?: number;
}

/**
 * Returns the size of a command's terminal, or undefined for one without.
 * @throws {GondolinError} VM_BAD_OPTION for a size that no terminal has, or without `pty`.
 */
export function terminalOf({ pty, rows, columns }: TerminalOptions): TerminalSize | undefined {
  if (pty === true) return checkSize({ ...DEFAULT_SIZE, ...defined({ rows, columns }) });
  if (rows !== undefined || columns !== undefined) throw noTerminal('options rows and columns');
  return undefined;
}

/** @throws {GondolinError} VM_BAD_OPTION */
export function checkSize(size: TerminalSize): TerminalSize {
  for (const name of ['rows', 'columns'] as const) {
    const got = size[name];
    if (!Number.isInteger(got) || got < 1 || got > MAX) {
      throw new GondolinError(
        'VM_BAD_OPTION',
        `option ${name}: got ${JSON.stringify(got)}, want a whole number from 1 to ${MAX}`,
      );
    }
  }
  return size;
}

/** @param what What needs a terminal. */
export function noTerminal(what: string): GondolinError {
  return new GondolinError('VM_BAD_OPTION', `${what}: need pty: true`);
}

function defined({ rows, columns }: Partial<Record<'rows' | 'columns', number | undefined>>) {
  return {
    ...(rows === undefined ? {} : { rows }),
    ...(columns === undefined ? {} : { columns }),
  };
}
