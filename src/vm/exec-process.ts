import { constants } from 'node:os';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GondolinError } from '../errors/gondolin-error.ts';
import { DEFAULT_MAX_OUTPUT_BYTES, type ExecOptions, type ExecResult } from './exec-options.ts';
import { collectText, mergeText } from './output-collector.ts';

/** Which processes a signal goes to: the command itself, its process group, or all its descendants. */
export type KillScope = 'process' | 'group' | 'tree';

/** What the agent gives for a started command. */
export interface RunningCommand {
  readonly pid: number;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: number | null }>;
  kill(signal: number, scope: KillScope): Promise<void>;
}

const SIGKILL = constants.signals.SIGKILL;

function signalName(signal: number): NodeJS.Signals | null {
  const entry = Object.entries(constants.signals).find(([, value]) => value === signal);
  return entry === undefined ? null : (entry[0] as NodeJS.Signals);
}

/**
 * A command in the guest. Await it for its result, or stream it: `stdout: 'pipe'` and `for await`.
 * Awaiting one whose piped output nobody reads collects that output, so it never blocks the command.
 */
export class ExecProcess implements PromiseLike<ExecResult>, AsyncIterable<string> {
  /** Bytes of standard output when `stdout: 'pipe'` was asked, else null. */
  readonly stdout: Readable | null;
  /** Bytes of standard error when `stderr: 'pipe'` was asked, else null. */
  readonly stderr: Readable | null;
  /** Standard input when `stdin: true` was asked, else null. */
  readonly stdin: Writable | null;
  readonly #started: Promise<RunningCommand>;
  readonly #finished: Promise<{ code: number | null; signal: number | null }>;
  readonly #collected: { stdout?: Promise<string>; stderr?: Promise<string> } = {};
  readonly #maxOutputBytes: number;
  readonly #explain: (error: unknown) => unknown;
  #isIterated = false;
  #killedBy: GondolinError | undefined;

  /** @internal Made by `VM.exec`. */
  constructor(
    start: () => Promise<RunningCommand>,
    options: ExecOptions,
    explain: (error: unknown) => unknown = (error) => error,
  ) {
    this.#explain = explain;
    this.#maxOutputBytes = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const stdin = new PassThrough();
    this.stdout = options.stdout === 'pipe' ? stdout : null;
    this.stderr = options.stderr === 'pipe' ? stderr : null;
    this.stdin = options.stdin === true ? stdin : null;
    // Failures reach the caller through the result; a stream without a listener must not crash the process.
    for (const stream of [stdin, stdout, stderr]) stream.on('error', () => undefined);
    this.#started = start();
    this.#finished = this.#run(stdin, stdout, stderr, options);
    // A caller who only streams sees the failure on the streams; it must not count as unhandled too.
    this.#finished.catch(() => undefined);
    if (this.stdout === null) this.#collect('stdout', stdout);
    if (this.stderr === null) this.#collect('stderr', stderr);
    if (typeof options.stdin === 'string' || options.stdin instanceof Uint8Array)
      stdin.end(options.stdin);
  }

  async #run(stdin: PassThrough, stdout: PassThrough, stderr: PassThrough, options: ExecOptions) {
    const stopWatching = this.#watch(options);
    try {
      const command = await this.#started;
      if (command.stdin !== null) this.#feed(stdin, command.stdin);
      // An output that fails has a reader who stopped, or a VM that ended: the exit tells.
      const outputs = Promise.allSettled([
        command.stdout === null ? stdout.end() : pipeline(command.stdout, stdout),
        command.stderr === null ? stderr.end() : pipeline(command.stderr, stderr),
      ]);
      const status = await command.exited;
      await outputs;
      if (this.#killedBy !== undefined) throw this.#killedBy;
      return status;
    } catch (error) {
      const cause = this.#killedBy ?? (await this.#explain(error));
      for (const stream of [stdin, stdout, stderr]) stream.destroy(cause as Error);
      throw cause;
    } finally {
      stopWatching();
    }
  }

  /** A command that closes its standard input early is no error of the caller's: the rest is dropped. */
  #feed(source: PassThrough, target: Writable): void {
    source.on('error', () => target.destroy());
    pipeline(source, target).catch(() => source.resume());
  }

  #watch(options: ExecOptions): () => void {
    const { signal, timeoutMs } = options;
    const abort = () => this.#stop(new GondolinError('VM_EXEC_ABORTED', 'command was cancelled'));
    const expire = () =>
      this.#stop(new GondolinError('VM_EXEC_TIMEOUT', `command ran longer than ${timeoutMs} ms`));
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
    return () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
  }

  #stop(reason: GondolinError): void {
    if (this.#killedBy !== undefined) return;
    this.#killedBy = reason;
    // A failure to kill means that the command or its VM is gone: `#run` reports which.
    this.#started.then((command) => command.kill(SIGKILL, 'tree')).catch(() => undefined);
  }

  #collect(name: 'stdout' | 'stderr', stream: Readable): void {
    const text = collectText(stream, this.#maxOutputBytes, name);
    this.#collected[name] = text;
    text.catch((error: unknown) => {
      if (GondolinError.is(error) && error.code === 'VM_OUTPUT_TOO_LARGE') this.#stop(error);
    });
  }

  async #result(): Promise<ExecResult> {
    if (!this.#isIterated) {
      for (const name of ['stdout', 'stderr'] as const) {
        const stream = this[name];
        const isUnread =
          stream !== null &&
          stream.readableFlowing === null &&
          stream.listenerCount('readable') === 0;
        if (isUnread && this.#collected[name] === undefined) this.#collect(name, stream);
      }
    }
    const { code, signal } = await this.#finished;
    return {
      exitCode: signal === null ? (code ?? 0) : 128 + signal,
      signal: signal === null ? null : signalName(signal),
      stdout: (await this.#collected.stdout) ?? '',
      stderr: (await this.#collected.stderr) ?? '',
    };
  }

  /** @throws {GondolinError} VM_EXEC_TIMEOUT, VM_EXEC_ABORTED, VM_OUTPUT_TOO_LARGE, AGENT_EXEC_…, or why the VM ended. */
  // biome-ignore lint/suspicious/noThenProperty: PromiseLike is the documented shape of an exec.
  then<A = ExecResult, B = never>(
    onFulfilled?: ((value: ExecResult) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result().then(onFulfilled, onRejected);
  }

  /** Text chunks of the piped outputs as they arrive. Breaking out of the loop ends the reading, not the command. */
  [Symbol.asyncIterator](): AsyncIterator<string> {
    const streams = [this.stdout, this.stderr].filter((stream) => stream !== null);
    if (streams.length === 0) {
      throw new GondolinError(
        'VM_BAD_OPTION',
        "iterating a command needs stdout: 'pipe' or stderr: 'pipe'",
      );
    }
    this.#isIterated = true;
    return mergeText(streams);
  }

  /**
   * Writes to standard input. Returns false when the caller had better wait for `stdin`'s `drain`.
   * @throws {GondolinError} VM_BAD_OPTION without `stdin: true`.
   */
  write(data: string | Uint8Array): boolean {
    return this.#input().write(data);
  }

  /** Closes standard input. @throws {GondolinError} VM_BAD_OPTION without `stdin: true`. */
  end(): void {
    this.#input().end();
  }

  #input(): Writable {
    if (this.stdin === null)
      throw new GondolinError('VM_BAD_OPTION', 'write() and end() need stdin: true');
    return this.stdin;
  }

  /** Sends a signal. Resolves once it is sent; with SIGKILL to the tree, once every process of it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGTERM', scope: KillScope = 'process'): Promise<void> {
    const command = await this.#started;
    await command.kill(constants.signals[signal], scope);
  }

  /** Process id in the guest, once started. */
  get pid(): Promise<number> {
    return this.#started.then((command) => command.pid);
  }
}
