import type { CliIo } from './io.ts';

/** Size of a terminal in characters. */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** The terminal of this process, whose keys and size a command on a terminal of the guest gets. */
export interface OwnTerminal {
  readonly size: WindowSize;
  /**
   * Passes keys on as they are typed, Ctrl-C too, and reports each new size.
   * @returns Makes the terminal as it was. May be called twice.
   */
  start(onResize: (size: WindowSize) => void): () => void;
}

/** Size that a command gets when this process has no terminal: that of the VT100. */
const DEFAULT_SIZE: WindowSize = { rows: 24, columns: 80 };

/** Colours, hidden cursor, mouse and bracketed paste, which a command that was cut off leaves behind. */
const RESET_MODES = '\u001b[0m\u001b[?25h\u001b[?1000;1002;1003;1006l\u001b[?2004l';

function sizeOf({ isTTY, rows, columns }: CliIo['stdout']): WindowSize {
  const isKnown = isTTY === true && rows !== undefined && columns !== undefined;
  return isKnown && rows > 0 && columns > 0 ? { rows, columns } : DEFAULT_SIZE;
}

/** Returns the terminal of this process. Without one, input passes unchanged and the size is 24 rows of 80 columns. */
export function ownTerminal({ stdin, stdout }: CliIo): OwnTerminal {
  return {
    size: sizeOf(stdout),
    start: (onResize) => {
      const resized = () => onResize(sizeOf(stdout));
      stdout.on('resize', resized);
      // The size may have changed since it was read.
      resized();
      if (stdin.isTTY === true) stdin.setRawMode?.(true);
      let isStopped = false;
      return () => {
        if (isStopped) return;
        isStopped = true;
        stdout.off('resize', resized);
        if (stdin.isTTY === true) stdin.setRawMode?.(false);
        if (stdout.isTTY === true && !stdout.destroyed) stdout.write(RESET_MODES);
      };
    },
  };
}
