import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { KillScope } from '../../agent/guest-process.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { TerminalSize } from '../../protocol/host-message.ts';
import { attachTerminal } from '../terminal/attach.ts';
import { HOST_TERMINAL } from '../terminal/host-terminal.ts';
import { checkSize, noTerminal, terminalOf } from '../terminal/terminal-size.ts';
import { openInput, sendInput } from './exec-input.ts';
import { DEFAULT_MAX_OUTPUT_BYTES, type ExecOptions } from './exec-options.ts';
import { copyOutput, type OutputTarget, openOutput } from './exec-output.ts';
import { ExecResult } from './exec-result.ts';
import { ExecStop } from './exec-stop.ts';
import {
  collectBytes,
  decodeChunks,
  mergeOutput,
  type NamedStream,
  type OutputChunk,
  splitLines,
} from './output-reader.ts';
import { type CommandStatus, type RunningCommand, signalName } from './running-command.ts';

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * A command in the guest: a promise of its result that can also be streamed, written to and killed.
 * Awaiting it collects piped output that has no reader, so the output never blocks the command.
 *
 * @example
 * const result = await vm.exec('make test');
 * for await (const line of vm.exec('npm ci', { stdout: 'pipe' }).lines()) console.log(line);
 */
export class ExecProcess extends Promise<ExecResult> implements AsyncIterable<string> {
  /** `then`, `catch` and `finally` return ordinary promises. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }
  /** Bytes of standard output with `stdout: 'pipe'`, else null. */
  readonly stdout: Readable | null;
  /** Bytes of standard error with `stderr: 'pipe'`, else null. */
  readonly stderr: Readable | null;
  /** Standard input with `stdin: true`, else null. */
  readonly stdin: Writable | null;
  readonly #targets: { readonly stdout: OutputTarget; readonly stderr: OutputTarget };
  readonly #started: Promise<RunningCommand>;
  readonly #collected: { stdout?: Promise<Buffer>; stderr?: Promise<Buffer> } = {};
  readonly #maxOutputBytes: number;
  readonly #encoding: BufferEncoding;
  readonly #hasTerminal: boolean;
  /** Resolves once the host's terminal is restored. */
  #attached: Promise<void> | undefined;
  #isStreamed = false;
  readonly #stop: ExecStop;

  /** @internal Created by `VM.exec`. */
  constructor(
    start: () => Promise<RunningCommand>,
    options: ExecOptions,
    explain: (error: unknown) => unknown = (error) => error,
    onSurvivor: (error: GondolinError) => void = () => undefined,
  ) {
    const startedAt = performance.now();
    const hasTerminal = terminalOf(options) !== undefined;
    let resolve: (result: Promise<ExecResult>) => void = () => undefined;
    super((settle) => {
      resolve = settle;
    });
    this.#maxOutputBytes = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
    this.#encoding = options.encoding ?? 'utf8';
    this.#hasTerminal = hasTerminal;
    const { source, writable } = openInput(options.stdin);
    this.#targets = {
      stdout: openOutput('stdout', options.stdout, this.#maxOutputBytes),
      stderr: openOutput('stderr', options.stderr, this.#maxOutputBytes),
    };
    this.stdin = writable;
    this.stdout = this.#targets.stdout.piped;
    this.stderr = this.#targets.stderr.piped;
    // The result reports failures to the caller; a stream without a listener must not end the process.
    for (const stream of [writable, ...this.#ownOutputs()]) stream?.on('error', () => undefined);
    this.#started = start();
    this.#stop = new ExecStop(this.#started, onSurvivor);
    const status = this.#run(source, options, explain);
    for (const { name, collector } of Object.values(this.#targets)) {
      if (collector !== null) this.#keep(name, collector.bytes);
    }
    resolve(this.#result(status, startedAt));
    // A caller that only streams sees the failure on the streams: it must not count as unhandled too.
    super.then(undefined, () => undefined);
  }

  #ownOutputs(): Readable[] {
    return Object.values(this.#targets)
      .map(({ piped }) => piped)
      .filter((stream) => stream !== null);
  }

  async #run(
    source: Readable | null,
    options: ExecOptions,
    explain: (error: unknown) => unknown,
  ): Promise<CommandStatus> {
    const stopWatching = this.#watch(options);
    const fail = (error: GondolinError) => this.#stop.stop(error);
    try {
      const command = await Promise.race([this.#started, this.#stop.givenUp]);
      if (command.stdin !== null && source !== null) sendInput(source, command.stdin, fail);
      const outputs = Promise.all([
        copyOutput(command.stdout, this.#targets.stdout, fail),
        copyOutput(command.stderr, this.#targets.stderr, fail),
      ]);
      const ended = command.exited.then((status) => outputs.then(() => status));
      const status = await Promise.race([ended, this.#stop.givenUp]);
      if (this.#stop.reason !== undefined) {
        await Promise.race([this.#stop.killed, this.#stop.givenUp]);
        throw this.#stop.reason;
      }
      return status;
    } catch (error) {
      const cause = this.#stop.reason ?? (await explain(error));
      for (const stream of [this.stdin, ...this.#ownOutputs()]) stream?.destroy(cause as Error);
      for (const { collector } of Object.values(this.#targets)) collector?.fail(cause);
      throw cause;
    } finally {
      stopWatching();
      this.#stop.dispose();
    }
  }

  #watch(options: ExecOptions): () => void {
    const { signal, timeoutMs } = options;
    const abort = () =>
      this.#stop.stop(new GondolinError('VM_EXEC_ABORTED', 'command was cancelled'));
    const expire = () =>
      this.#stop.stop(
        new GondolinError('VM_EXEC_TIMEOUT', `command ran longer than ${timeoutMs} ms`),
      );
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
    return () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
  }

  #collect(name: 'stdout' | 'stderr', stream: Readable): void {
    this.#keep(name, collectBytes(stream, this.#maxOutputBytes, name));
  }

  #keep(name: 'stdout' | 'stderr', bytes: Promise<Buffer>): void {
    this.#collected[name] = bytes;
    bytes.catch((error: unknown) => {
      if (GondolinError.is(error) && error.code === 'VM_OUTPUT_TOO_LARGE') this.#stop.stop(error);
    });
  }

  async #result(finished: Promise<CommandStatus>, startedAt: number): Promise<ExecResult> {
    // An attached terminal first gets the rest of the output, and is restored: also when the command failed.
    await Promise.allSettled([finished]);
    await this.#attached;
    const { code, signal, isOutOfMemory } = await finished;
    return new ExecResult({
      exitCode: signal === null ? (code ?? 0) : 128 + signal,
      signal: signal === null ? null : signalName(signal),
      isOutOfMemory,
      stdout: (await this.#collected.stdout) ?? NOTHING,
      stderr: (await this.#collected.stderr) ?? NOTHING,
      durationMs: performance.now() - startedAt,
      encoding: this.#encoding,
    });
  }

  #collectUnread(): void {
    if (this.#isStreamed) return;
    for (const { name, piped } of Object.values(this.#targets)) {
      const isUnread =
        piped !== null &&
        !piped.destroyed &&
        piped.readableFlowing === null &&
        piped.listenerCount('readable') === 0;
      if (isUnread && this.#collected[name] === undefined) this.#collect(name, piped);
    }
  }

  /**
   * @throws {GondolinError} VM_EXEC_TIMEOUT, VM_EXEC_ABORTED, VM_INPUT_FAILED, VM_OUTPUT_FAILED, VM_OUTPUT_TOO_LARGE,
   *   AGENT_EXEC_…, or the error that ended the VM.
   */
  // biome-ignore lint/suspicious/noThenProperty: a promise has one; this one also collects output without a reader.
  override then<A = ExecResult, B = never>(
    onFulfilled?: ((value: ExecResult) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#collectUnread();
    return super.then(onFulfilled, onRejected);
  }

  /**
   * Text chunks of the piped outputs as they arrive. Leaving the loop ends the reading, not the command; with `pty: true`, it
   * hangs up the command's terminal.
   */
  [Symbol.asyncIterator](): AsyncIterator<string> {
    return decodeChunks(this.#stream('for await', ['stdout', 'stderr']));
  }

  /** Chunks of the piped outputs, with the stream each came from. Leaving the loop ends the reading, not the command. */
  output(): AsyncIterable<OutputChunk> {
    return this.#stream('output()', ['stdout', 'stderr']);
  }

  /** Lines of standard output, without their line ends. Needs `stdout: 'pipe'`. */
  lines(): AsyncIterable<string> {
    return splitLines(decodeChunks(this.#stream('lines()', ['stdout'])), this.#maxOutputBytes);
  }

  #stream(caller: string, names: readonly ('stdout' | 'stderr')[]): AsyncIterable<OutputChunk> {
    const piped = names
      .map((name): NamedStream | null => {
        const stream = this[name];
        return stream === null ? null : { name, stream };
      })
      .filter((entry) => entry !== null);
    if (piped.length === 0) {
      const want = names.map((name) => `${name}: 'pipe'`).join(' or ');
      throw new GondolinError('VM_BAD_OPTION', `${caller} needs ${want}`);
    }
    this.#isStreamed = true;
    return mergeOutput(piped, this.#encoding);
  }

  /**
   * Writes to standard input. Returns false when the caller should wait for `stdin`'s `drain`.
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

  /**
   * Changes the size of the command's terminal; its foreground processes get SIGWINCH. Nothing happens once it has ended.
   * @throws {GondolinError} VM_BAD_OPTION without `pty: true`, or for a size outside 1..65535.
   */
  async resize(rows: number, columns: number): Promise<void> {
    if (!this.#hasTerminal) throw noTerminal('resize()');
    const size = checkSize({ rows, columns });
    const command = await this.#started;
    await command.resize(size);
  }

  /**
   * Connects the terminal of this process to the command until it ends: keys, Ctrl-C too, output and size. The terminal is
   * restored at the end, also of this process. Without a terminal, standard input and output are passed on as they are.
   * @throws {GondolinError} VM_BAD_OPTION without `pty: true`, `stdin: true` and `stdout: 'pipe'`, when the output is read
   *   already, or when another command has the terminal.
   */
  attach(): void {
    const { stdin, stdout } = this;
    if (!this.#hasTerminal || stdin === null || stdout === null) {
      const need = "attach(): needs pty: true, stdin: true and stdout: 'pipe'";
      throw new GondolinError('VM_BAD_OPTION', need);
    }
    if (this.#isStreamed || stdout.readableFlowing !== null) {
      throw new GondolinError('VM_BAD_OPTION', 'attach(): the output is read already');
    }
    const resize = async (size: TerminalSize) => (await this.#started).resize(size);
    this.#attached = attachTerminal({ stdin, stdout, resize }, HOST_TERMINAL);
    this.#isStreamed = true;
  }

  /** Process id in the guest, once started. */
  get pid(): Promise<number> {
    return this.#started.then((command) => command.pid);
  }
}
