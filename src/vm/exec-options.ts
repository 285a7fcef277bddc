/** Options of {@link VM.exec}. */
export interface ExecOptions {
  /** `true` keeps standard input open for `write()`; text or bytes are sent and closed. @default no input (`/dev/null`) */
  readonly stdin?: boolean | string | Uint8Array;
  /** `'pipe'` streams instead of collecting. @default collected into the result */
  readonly stdout?: 'pipe';
  /** `'pipe'` streams instead of collecting. @default collected into the result */
  readonly stderr?: 'pipe';
  /** Added over the VM's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory, absolute. @default the VM's `cwd` */
  readonly cwd?: string;
  /** Guest user. @default the VM's `user` */
  readonly user?: string;
  /** Kills the command with all its descendants when aborted. */
  readonly signal?: AbortSignal;
  /** Kills the command with all its descendants after so many milliseconds. @default no limit */
  readonly timeoutMs?: number;
  /** Limit of each collected output, in bytes. @default 67108864 */
  readonly maxOutputBytes?: number;
}

/** What a finished command left. A non-zero exit code is a result, not an error. */
export interface ExecResult {
  /** Exit code 0..255; 128 + n when signal n ended it, as a shell reports it. */
  readonly exitCode: number;
  /** Name of the signal that ended the command, or null. */
  readonly signal: NodeJS.Signals | null;
  /** UTF-8 text; empty when `stdout: 'pipe'` was read as a stream. */
  readonly stdout: string;
  readonly stderr: string;
}

export const DEFAULT_MAX_OUTPUT_BYTES = 64 * 2 ** 20;
