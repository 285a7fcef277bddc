import type { Readable, Writable } from 'node:stream';

/** An output stream of the command line, with `isTTY`, `columns` and `rows` as in `process.stdout`. */
export type CliOutput = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
};

/** The input stream of the command line, as `process.stdin`. */
export type CliInput = Readable & {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
};

/** The parts of the process that a command uses; tests pass their own. */
export interface CliIo {
  readonly stdin: CliInput;
  readonly stdout: CliOutput;
  readonly stderr: CliOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path of the working directory. */
  readonly cwd: string;
  /** Aborts with CLI_INTERRUPTED or CLI_TERMINATED. */
  readonly signal: AbortSignal;
}

/**
 * Writes text. Returns a promise that resolves once a slow reader is ready for more. After the reader has closed the
 * output (`| head`), text is discarded.
 */
export function writeText(output: Writable, text: string): void | Promise<void> {
  if (text === '' || output.destroyed || output.errored !== null) return;
  if (output.write(text)) return;
  return new Promise((resolve) => {
    const done = () => {
      for (const name of ['drain', 'close', 'error']) output.off(name, done);
      resolve();
    };
    for (const name of ['drain', 'close', 'error']) output.on(name, done);
  });
}
