import type { Readable, Writable } from 'node:stream';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { TerminalSize } from '../../protocol/host-message.ts';
import { TerminalModes } from './terminal-modes.ts';

/** The terminal that a user sits at, as `process.stdin` and `process.stdout`. Either may be something else. */
export interface HostTerminal {
  readonly input: Readable & {
    readonly isTTY?: boolean;
    readonly isRaw?: boolean;
    setRawMode?(isRaw: boolean): unknown;
  };
  readonly output: Writable & {
    readonly isTTY?: boolean;
    readonly rows?: number;
    readonly columns?: number;
  };
}

/** The terminal of this process. Its streams are opened at their first use. */
export const HOST_TERMINAL: HostTerminal = {
  get input() {
    return process.stdin;
  },
  get output() {
    return process.stdout;
  },
};

/** Returns the size of the terminal; undefined when the output is not a terminal, or does not know. */
export function sizeOf({ output }: HostTerminal): TerminalSize | undefined {
  const { isTTY, rows, columns } = output;
  const isKnown = isTTY === true && rows !== undefined && columns !== undefined;
  return isKnown && rows > 0 && columns > 0 ? { rows, columns } : undefined;
}

/** A terminal in raw mode: keys are passed on as they are typed, Ctrl-C too. */
export interface TakenTerminal {
  /** Watches what is written to it, to undo it at the end. */
  watch(chunk: Uint8Array): void;
  /** Makes the terminal as it was. May be called twice. */
  restore(): void;
}

/** Inputs whose keys go to a command. */
const taken = new WeakSet<Readable>();

/**
 * Puts the terminal in raw mode until `restore()`, or until this process ends, also by an uncaught error.
 * @param onResize  Gets each new size, and the present one at once.
 * @throws {GondolinError} VM_BAD_OPTION when the terminal is taken already.
 */
export function takeTerminal(
  terminal: HostTerminal,
  onResize: (size: TerminalSize) => void,
): TakenTerminal {
  const { input, output } = terminal;
  if (taken.has(input)) {
    throw new GondolinError('VM_BAD_OPTION', 'attach(): another command has the terminal');
  }
  taken.add(input);
  const modes = new TerminalModes();
  const wasRaw = input.isRaw === true;
  const setRaw = (isRaw: boolean) => {
    if (input.isTTY === true && !input.destroyed) input.setRawMode?.(isRaw);
  };
  const resized = () => {
    const size = sizeOf(terminal);
    if (size !== undefined) onResize(size);
  };
  const continued = () => {
    // The shell that continues this process has changed the mode behind the back of libuv.
    setRaw(false);
    setRaw(true);
    resized();
  };
  let isRestored = false;
  const restore = () => {
    if (isRestored) return;
    isRestored = true;
    taken.delete(input);
    output.off('resize', resized);
    process.off('SIGCONT', continued).off('exit', restore);
    setRaw(wasRaw);
    if (output.isTTY === true && output.writable && modes.undo !== '') output.write(modes.undo);
  };
  output.on('resize', resized);
  process.on('SIGCONT', continued).once('exit', restore);
  setRaw(true);
  resized();
  return { watch: (chunk) => modes.feed(chunk), restore };
}
