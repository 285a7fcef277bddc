import type { Readable, Writable } from 'node:stream';
import type { MuxSession } from '../mux/mux-session.ts';
import type { MuxStream } from '../mux/mux-stream.ts';
import { STREAM_KIND } from '../protocol/constants.ts';
import type { TerminalSize } from '../protocol/host-message.ts';

/**
 * Processes that receive a signal: the command itself, its process group, or all its descendants, daemonised ones too.
 *
 * @example
 * const scope: KillScope = 'tree';
 * vm.exec('npm start').kill('SIGTERM', scope);
 */
export type KillScope = 'process' | 'group' | 'tree';

/** Exit of a process: exactly one of `code` 0..255 and `signal` 1..64 is a number. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: number | null;
  /** The guest's kernel killed this process, or another one of the command, because memory ran out. */
  readonly isOutOfMemory: boolean;
}

/** A command to run. Texts must not contain NUL. */
export interface AgentExecOptions {
  /** The program and its arguments. A program without a slash is searched in `env.PATH`. */
  readonly argv: readonly string[];
  /** The whole environment. The guest adds HOME, USER, LOGNAME, SHELL and PATH when they are missing. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute. @default the user's home */
  readonly cwd?: string;
  /** `UID[:GID]` or `NAME[:GROUP]`. @default root */
  readonly user?: string;
  /** If false, stdin is /dev/null. @default false */
  readonly stdin?: boolean;
  /** @default 'pipe' */
  readonly stdout?: 'pipe' | 'ignore';
  /** `'stdout'` sends both to the same stream, in the order of the writes. @default 'pipe' */
  readonly stderr?: 'pipe' | 'ignore' | 'stdout';
  /**
   * Runs the command on a terminal of its own, of this size in characters (each 1..65535). All its output is on stdout;
   * `stderr` has no effect. The end of stdin is the terminal's end-of-file character. @default no terminal
   */
  readonly terminal?: TerminalSize;
  /** Limit for the start only, in milliseconds. @default the client's */
  readonly timeoutMs?: number;
}

/** The one program of a machine, which reads and writes the port of the file channel. */
export interface GuestProgram {
  /** Rejects with the error that ended the session. */
  readonly exited: Promise<ExitStatus>;
  /** Signals its process group; resolves once the guest's kernel has the signal. */
  kill(signal: number): Promise<void>;
}

/** A started process. */
export interface GuestProcess {
  /** Its request id, for `AgentClient.kill`. */
  readonly id: number;
  /** Process id in the guest. */
  readonly pid: number;
  /** Destroyed once the process exits; fails with MUX_STREAM_RESET when the process closes it earlier. */
  readonly stdin: Writable | null;
  /** Must be read or destroyed: the process blocks while it is full. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Rejects with the session's error when that ends first. Output may still arrive after it resolves. */
  readonly exited: Promise<ExitStatus>;
  /** @see AgentClient.kill */
  kill(signal: number, scope: KillScope): Promise<void>;
  /** @see AgentClient.resize */
  resize(size: TerminalSize): Promise<void>;
}

/** The streams of one exec; null is /dev/null. */
export interface ExecStreams {
  readonly stdin: MuxStream | null;
  readonly stdout: MuxStream | null;
  /** The same as `stdout` when both go to one stream. */
  readonly stderr: MuxStream | null;
}

/**
 * Opens the streams of an exec, each already ended in its unused direction.
 * @throws {GondolinError} MUX_STREAM_LIMIT (no stream stays open); the error that ended the session.
 */
export function openExecStreams(session: MuxSession, options: AgentExecOptions): ExecStreams {
  const opened: MuxStream[] = [];
  const open = (): MuxStream => {
    const stream = session.openStream(STREAM_KIND.STDIO);
    opened.push(stream);
    return stream;
  };
  try {
    const stdin = options.stdin === true ? open() : null;
    const hasTerminal = options.terminal !== undefined;
    const stdout = options.stdout === 'ignore' && !hasTerminal ? null : open();
    const stderr = hasTerminal ? null : openStderr(options, stdout, open);
    // A terminal always has an output: the guest gives it no /dev/null.
    if (options.stdout === 'ignore') stdout?.resume();
    // Bytes that a guest sends on stdin are dropped, but its end must be seen.
    stdin?.resume();
    stdout?.end();
    stderr?.end();
    return { stdin, stdout, stderr };
  } catch (error) {
    for (const stream of opened) stream.destroy();
    throw error;
  }
}

function openStderr(
  { stderr = 'pipe' }: AgentExecOptions,
  stdout: MuxStream | null,
  open: () => MuxStream,
): MuxStream | null {
  switch (stderr) {
    case 'pipe':
      return open();
    case 'ignore':
      return null;
    case 'stdout':
      return stdout;
  }
}

/** Resets the streams of an exec that did not start. */
export function destroyExecStreams({ stdin, stdout, stderr }: ExecStreams): void {
  for (const stream of [stdin, stdout, stderr]) stream?.destroy();
}
