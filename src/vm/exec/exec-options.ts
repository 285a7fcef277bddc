import type { Readable, Writable } from 'node:stream';

/**
 * Destination of an output of a command:
 * - `'buffer'`: collected into the result.
 * - `'pipe'`: a stream, read by `for await`, `lines()`, `output()` or `proc.stdout`.
 * - `'inherit'`: the host process's own output.
 * - `'ignore'`: `/dev/null` in the guest.
 * - a `Writable`: written with backpressure and not ended, so both outputs may share one.
 *
 * @example
 * const stdout: ExecOutput = 'inherit';
 * await vm.exec('make test', { stdout, stderr: 'ignore' });
 */
export type ExecOutput = 'buffer' | 'pipe' | 'inherit' | 'ignore' | Writable;

/**
 * Standard input of a command: `true` keeps it open for `write()`; text, bytes, a `Readable` or an async iterable of text
 * and bytes are sent, then it ends.
 *
 * @example
 * const stdin: ExecInput = 'one\ntwo\n';
 * const { stdout } = await vm.exec(['wc', '-l'], { stdin });
 */
export type ExecInput =
  | boolean
  | string
  | Uint8Array
  | Readable
  | AsyncIterable<string | Uint8Array>;

/**
 * Options of {@link VM.exec}.
 *
 * @example
 * const options: ExecOptions = { cwd: '/workspace', env: { CI: '1' }, timeoutMs: 60_000 };
 * await vm.exec('make test', options);
 */
export interface ExecOptions {
  /** @default false: `/dev/null` */
  readonly stdin?: ExecInput;
  /** @default 'buffer' */
  readonly stdout?: ExecOutput;
  /** @default 'buffer' */
  readonly stderr?: ExecOutput;
  /**
   * Runs the command on a terminal of its own. All its output is on stdout then. Its stdin is typed: the end of it, also
   * without `stdin`, is the end-of-file character, whenever the command has nothing left to read.
   * @default false
   */
  readonly pty?: boolean;
  /** Size of the terminal, 1..65535. @default 24 rows */
  readonly rows?: number;
  /** @default 80 columns */
  readonly columns?: number;
  /** Encoding of the text in the result, `for await` and `lines()`. @default 'utf8' */
  readonly encoding?: BufferEncoding;
  /** Variables added to the VM's environment; they override its values. */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory, absolute. @default the VM's `cwd` */
  readonly cwd?: string;
  /** Guest user. @default the VM's `user` */
  readonly user?: string;
  /** Kills the command with all its descendants when aborted. */
  readonly signal?: AbortSignal;
  /** Kills the command with all its descendants after this many milliseconds. @default no limit */
  readonly timeoutMs?: number;
  /** Limit of each collected output, in bytes. @default 67108864 */
  readonly maxOutputBytes?: number;
}

export const DEFAULT_MAX_OUTPUT_BYTES = 64 * 2 ** 20;
