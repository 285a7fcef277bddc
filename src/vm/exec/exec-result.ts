import { GondolinError } from '../../errors/gondolin-error.ts';

/** Data of a finished command from which an {@link ExecResult} is created. */
export interface ExecOutcome {
  readonly exitCode: number;
  readonly signal: NodeJS.Signals | null;
  readonly isOutOfMemory: boolean;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly durationMs: number;
  readonly encoding: BufferEncoding;
}

/**
 * The result of a command that ended. A non-zero exit code is a result, not an error.
 *
 * @example
 * const result: ExecResult = await vm.exec('npm ls --json');
 * if (result.ok) console.log(result.json());
 * else console.error(result.exitCode, result.stderr);
 */
export class ExecResult {
  /** Exit code 0..255; 128 + n when signal n ended the command, as a shell reports it. */
  readonly exitCode: number;
  /** Name of the signal that ended the command, or null. */
  readonly signal: NodeJS.Signals | null;
  /** The guest's memory ran out, and its kernel killed the command or a process that it had started. */
  readonly isOutOfMemory: boolean;
  /** Text in the command's `encoding`; empty when the output was not collected. */
  readonly stdout: string;
  readonly stderr: string;
  /** Time from the call of `exec` to the result, in milliseconds. */
  readonly durationMs: number;
  readonly #stdout: Buffer;
  readonly #stderr: Buffer;

  /** @internal Created by `ExecProcess`. */
  constructor(outcome: ExecOutcome) {
    this.exitCode = outcome.exitCode;
    this.signal = outcome.signal;
    this.isOutOfMemory = outcome.isOutOfMemory;
    this.stdout = outcome.stdout.toString(outcome.encoding);
    this.stderr = outcome.stderr.toString(outcome.encoding);
    this.durationMs = outcome.durationMs;
    this.#stdout = outcome.stdout;
    this.#stderr = outcome.stderr;
  }

  /** True when the command exited with 0. */
  get ok(): boolean {
    return this.exitCode === 0;
  }

  /** The collected bytes of standard output. */
  get stdoutBuffer(): Buffer {
    return this.#stdout;
  }

  /** The collected bytes of standard error. */
  get stderrBuffer(): Buffer {
    return this.#stderr;
  }

  /**
   * Parses standard output as JSON.
   * @throws {GondolinError} VM_OUTPUT_NOT_JSON with the exit code and the parser's reason, without the output.
   */
  json<T = unknown>(): T {
    try {
      return JSON.parse(this.#stdout.toString('utf8')) as T;
    } catch (error) {
      const bytes = this.#stdout.length;
      throw new GondolinError(
        'VM_OUTPUT_NOT_JSON',
        `standard output is not JSON: ${bytes} bytes, exit code ${this.exitCode}`,
        { cause: error, details: { bytes, exitCode: this.exitCode } },
      );
    }
  }
}
