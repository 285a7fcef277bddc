import type { Readable, Writable } from 'node:stream';

/** An output of the command line; `isTTY` and `columns` as `process.stdout` has them. */
export type CliOutput = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Everything of the process that a command uses; tests give their own. */
export interface CliIo {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: CliOutput;
  readonly stderr: CliOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  /** Aborts with CLI_INTERRUPTED or CLI_TERMINATED. */
  readonly signal: AbortSignal;
}

/**
 * Writes text. The promise waits for a slow reader; one that went away (`| head`) takes everything from then on.
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
