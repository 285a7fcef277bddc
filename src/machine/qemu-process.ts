import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Duplex, Readable } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import { type Command, type ConfinedFiles, type Confinement, confine } from '../host/confine.ts';
import { ConsoleLog } from './console-log.ts';
import { CHANNEL_FDS, FIRST_DISK_FD, SAVE_FD, STATE_FD } from './qemu-arguments.ts';

/** Exit of QEMU: exactly one of both is not null, as in Node's `exit` event. */
export interface MachineExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A started QEMU and our ends of the socket pairs. */
export interface QemuProcess {
  readonly pid: number;
  readonly qmp: Duplex;
  readonly control: Duplex;
  readonly fs: Duplex;
  readonly consoleLog: ConsoleLog;
  /** Output of QEMU itself, e.g. why it refused an argument. */
  readonly messageLog: ConsoleLog;
  /** Resolves after the last console byte has arrived. Never rejects. */
  readonly exited: Promise<MachineExit>;
  kill(): void;
  /** False lets Node exit while it runs, which ends it. */
  keepAlive(isKept: boolean): void;
}

export interface SpawnQemuOptions {
  readonly confinement: Confinement;
  /** Files that it opens by name. */
  readonly files: ConfinedFiles;
  /** Write-only descriptor that QEMU inherits as SAVE_FD. */
  readonly saveFd: number;
  readonly onConsole?: (chunk: Buffer) => void;
  /** See `StartMachineOptions`. @default 0 */
  readonly counterKhz?: number;
  /** Descriptor of a saved state that QEMU inherits as STATE_FD. */
  readonly stateFd?: number;
  /** Descriptors of disk images that QEMU inherits from FIRST_DISK_FD on. */
  readonly diskFds?: readonly number[];
}

/** Time limit for reading the rest of QEMU's output after its exit. */
const DRAIN_LIMIT_MS = 500;

/**
 * Starts QEMU with the channels of CHANNEL_FDS as inherited socket pairs. It dies with this process, in its own
 * session, so that Ctrl-C in a terminal reaches gondolin only, which then ends the steps in order.
 * @throws {GondolinError} MACHINE_START_FAILED when the host cannot start one more process, HOST_AGENT_NOT_BUILT.
 */
export async function spawnQemu(
  qemuPath: string,
  args: readonly string[],
  options: SpawnQemuOptions,
): Promise<QemuProcess> {
  const { confinement, files, counterKhz } = options;
  const command = confine({ file: qemuPath, args }, confinement, files, counterKhz);
  const stdio: ('ignore' | 'pipe' | number)[] = ['ignore', 'ignore', 'pipe'];
  for (const fd of Object.values(CHANNEL_FDS)) stdio[fd] = 'pipe';
  stdio[STATE_FD] = options.stateFd ?? 'ignore';
  stdio[SAVE_FD] = options.saveFd;
  for (const [index, fd] of (options.diskFds ?? []).entries()) stdio[FIRST_DISK_FD + index] = fd;
  // The environment may contain secrets, and QEMU needs no variable.
  const child = startChild(command, { stdio, detached: true, env: {} });
  const { pid } = child;
  if (pid === undefined) {
    // Without free descriptors the child has no streams either, so nothing below may run.
    const [cause] = (await once(child, 'error')) as [unknown];
    throw notStarted(cause);
  }
  // The type has five entries; Node has one for each of `stdio`.
  const streams: readonly unknown[] = child.stdio;
  const consoleStream = channel(streams[CHANNEL_FDS.console]);
  const consoleLog = collect(consoleStream, options.onConsole);
  const messageLog = collect(child.stderr);
  const drained = Promise.all([closed(consoleStream), closed(child.stderr)]);
  const exited = new Promise<MachineExit>((resolve) => {
    child.once('exit', (code, signal) => {
      const limit = setTimeout(() => resolve({ code, signal }), DRAIN_LIMIT_MS);
      void drained.then(() => {
        clearTimeout(limit);
        resolve({ code, signal });
      });
    });
  });
  return {
    pid,
    qmp: channel(streams[CHANNEL_FDS.qmp]),
    control: channel(streams[CHANNEL_FDS.control]),
    fs: channel(streams[CHANNEL_FDS.fs]),
    consoleLog,
    messageLog,
    exited,
    kill: () => void child.kill('SIGKILL'),
    keepAlive: (isKept) => {
      for (const handle of [child, ...streams])
        if (isHandle(handle)) isKept ? handle.ref() : handle.unref();
    },
  };
}

/** True for a process or a socket, which keep Node's event loop alive. */
function isHandle(value: unknown): value is { ref(): void; unref(): void } {
  return typeof value === 'object' && value !== null && 'ref' in value && 'unref' in value;
}

/** Spawns the process. Node throws some errors of the kernel and emits the others. */
function startChild({ file, args }: Command, options: SpawnOptions): ChildProcess {
  try {
    return spawn(file, args, options);
  } catch (cause) {
    throw notStarted(cause);
  }
}

function notStarted(cause: unknown): GondolinError {
  return new GondolinError('MACHINE_START_FAILED', 'Cannot start QEMU', { cause });
}

/** Checks that Node returned a socket for a 'pipe' entry; anything else would be a change in Node. */
function channel(stream: unknown): Duplex {
  if (!(stream instanceof Duplex)) throw new TypeError('spawn returned no socket for a channel');
  // A reset is expected when QEMU dies: 'close' follows, and `exited` has the reason. Readers add their own listener.
  stream.on('error', () => undefined);
  return stream;
}

function collect(stream: unknown, onChunk?: (chunk: Buffer) => void): ConsoleLog {
  const log = new ConsoleLog();
  if (stream instanceof Readable) {
    stream.on('data', (chunk: Buffer) => {
      log.append(chunk);
      onChunk?.(chunk);
    });
  }
  return log;
}

function closed(stream: unknown): Promise<void> {
  return new Promise((resolve) => {
    if (!(stream instanceof Readable) || stream.closed) resolve();
    else stream.once('close', resolve);
  });
}
