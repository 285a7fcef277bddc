import { closeSync, openSync } from 'node:fs';
import { chmod, chown } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import { type Accelerator, chooseAccelerator } from '../host/accelerator.ts';
import { KVM_DEVICE } from '../host/accelerator-probe.ts';
import { type ConfinedFiles, type Confinement, isGroupFile } from '../host/confine.ts';
import { chooseConfinement } from '../host/confinement.ts';
import { type Directories, ensureDirectory, resolveDirectories } from '../host/directories.ts';
import { qemuName, requireTool } from '../host/tools.ts';
import { SHARED_RAM_MODE } from './guest-ram.ts';
import { checkMachineSpec, type MachineSpec } from './machine-spec.ts';
import { buildQemuArguments } from './qemu-arguments.ts';
import {
  type MachineExit,
  type QemuProcess,
  type SpawnQemuOptions,
  spawnQemu,
} from './qemu-process.ts';
import { QmpClient } from './qmp.ts';
import { ReplyDisk } from './reply-disk.ts';
import { RootDisk } from './root-disk.ts';
import { newSession, removeSession, sweepStaleSessions, writeSession } from './session-record.ts';
import { StateFile } from './state-file.ts';

export type { MachineExit, MachineSpec };

export interface StartMachineOptions {
  /** Ends the start; a started machine is ended with `kill()`. */
  readonly signal?: AbortSignal;
  /** Called with each piece the guest writes to its console, unchecked guest bytes. */
  readonly onConsole?: (chunk: Buffer) => void;
  /** @default GONDOLIN_ACCEL, else probed once per boot of the host */
  readonly accelerator?: Accelerator;
  /** @default the user's XDG directories */
  readonly directories?: Directories;
  /**
   * State file of a saved machine to restore. Its spec was the same except for `ram`, which now names the saved RAM. QEMU exits
   * when it refuses a state.
   */
  readonly statePath?: string;
  /**
   * Rate of the processor's counter that the saved guest's clock counts on. Where emulated processors would have another,
   * QEMU is not started: the guest's time would run too fast or too slowly. @default 0, for any
   */
  readonly counterKhz?: number;
  /** Saved copy of the spec's root disk. @default an empty file system */
  readonly rootDiskPath?: string;
  /**
   * Open files of the spec's disks, readable and writable, in its order. QEMU has a copy of each until it ends, and with it the
   * locks (flock) on them.
   */
  readonly diskFds?: readonly number[];
  /**
   * If false, the machine is returned as soon as QEMU was spawned, and a QEMU that does not start is one that has ended
   * (MACHINE_EXITED). Its guest's ports take bytes already. @default true
   */
  readonly awaitsMonitor?: boolean;
  /** Called once QEMU was spawned, while it still initializes. */
  readonly onSpawned?: () => void;
}

/** A running QEMU. It ends with this process, however this process ends. */
export interface Machine {
  readonly spec: MachineSpec;
  readonly pid: number;
  readonly accelerator: Accelerator;
  readonly confinement: Confinement;
  /** The file to which QEMU writes its state. */
  readonly stateFile: StateFile;
  /** Null without one in the spec. */
  readonly rootDisk: RootDisk | null;
  /** Null without one in the spec. */
  readonly replyDisk: ReplyDisk | null;
  /** The port `gondolin.control`; an error has a listener already, and `close` follows it. */
  readonly control: Duplex;
  /** The port `gondolin.fs`; otherwise as `control`. */
  readonly fs: Duplex;
  readonly qmp: QmpClient;
  /** Never rejects. */
  readonly exited: Promise<MachineExit>;
  /** Returns the last lines of the guest's serial console, safe to print. */
  consoleTail(): string;
  /** Returns MACHINE_EXITED with QEMU's exit code or signal and the console's last lines. */
  exitError(): GondolinError;
  /** Kills it; resolves when it has ended and nothing of it is left on disk. */
  kill(): Promise<void>;
  /** Asks QEMU to quit and kills it after a second. */
  close(): Promise<void>;
  /** Whether Node waits for this machine when it has nothing else to do; else it exits, and the machine ends. @default true */
  keepAlive(isKept: boolean): void;
}

/** QEMU's own exit takes a few milliseconds. */
const QUIT_LIMIT_MS = 1_000;

/**
 * Starts a machine; resolves when QEMU runs and, unless told otherwise, its monitor responds, while the guest is still booting. On failure nothing
 * keeps running or stays on disk. Also ends what killed gondolins left.
 * @throws {GondolinError} MACHINE_SPEC_INVALID, MACHINE_START_FAILED, MACHINE_QMP_…, HOST_TOOL_NOT_FOUND,
 *   HOST_ACCEL_INVALID, HOST_DIRECTORY_UNUSABLE.
 * @throws the signal's reason when aborted.
 */
export async function startMachine(
  spec: MachineSpec,
  options: StartMachineOptions = {},
): Promise<Machine> {
  const { signal, directories = resolveDirectories() } = options;
  signal?.throwIfAborted();
  checkMachineSpec(spec);
  const qemu = requireTool(qemuName(spec.arch ?? 'x86_64'));
  const accelerator =
    options.accelerator ??
    (await chooseAccelerator({ qemu, cacheDirectory: directories.cache })).accelerator;
  await ensureDirectory(directories.sessions);
  sweepStaleSessions(directories.sessions);
  signal?.throwIfAborted();

  const confinement = await chooseConfinement({ qemu, cacheDirectory: directories.cache });
  await grantRam(spec, confinement);
  const session = newSession(directories.sessions);
  const isRestored = options.statePath !== undefined;
  const args = buildQemuArguments({ spec, accelerator, name: session.name, isRestored });
  writeSession(session, null);
  let child: QemuProcess;
  let stateFile: StateFile | null = null;
  let rootDisk: RootDisk | null = null;
  let replyDisk: ReplyDisk | null = null;
  try {
    stateFile = new StateFile(session.stateFile);
    rootDisk = await makeRootDisk(spec, session.diskFile, options);
    const files = toConfinedFiles(spec, accelerator);
    replyDisk = spec.hasReplyDisk === true ? ReplyDisk.make(directories.sessions) : null;
    const { diskFds = [] } = options;
    const fds = [
      ...diskFds,
      ...(rootDisk === null ? [] : [rootDisk.fd]),
      ...(replyDisk === null ? [] : [replyDisk.readFd]),
    ];
    child = await spawn(
      qemu.path,
      args,
      { ...options, diskFds: fds },
      {
        confinement,
        files,
        saveFd: stateFile.writeFd,
        // KVM tells its guests the rate.
        counterKhz: accelerator === 'tcg' ? (options.counterKhz ?? 0) : 0,
      },
    );
  } catch (cause) {
    stateFile?.close();
    rootDisk?.close();
    replyDisk?.close();
    removeSession(session);
    throw cause;
  }
  const opened = [stateFile, rootDisk, replyDisk];
  const exited = child.exited.finally(() => {
    for (const file of opened) file?.close();
    removeSession(session);
  });
  writeSession(session, child.pid);
  options.onSpawned?.();
  const qmp =
    options.awaitsMonitor === false
      ? QmpClient.open(child.qmp)
      : await connectMonitor(child, exited, options);
  const files = { stateFile, rootDisk, replyDisk };
  return runningMachine({ spec, child, accelerator, confinement, ...files, exited, qmp });
}

async function makeRootDisk(
  { rootDisk }: MachineSpec,
  path: string,
  { rootDiskPath }: StartMachineOptions,
): Promise<RootDisk | null> {
  if (rootDisk === undefined) return null;
  return RootDisk.make(path, rootDisk.sizeBytes, rootDiskPath ?? null);
}

/** Returns the files that QEMU opens by name. */
function toConfinedFiles(spec: MachineSpec, accelerator: Accelerator): ConfinedFiles {
  const { vmlinuxPath, initramfsPath, rootfsPath, ram, images = [] } = spec;
  return {
    read: [vmlinuxPath, initramfsPath, ...(rootfsPath === null ? [] : [rootfsPath]), ...images],
    data: ram?.kind === 'clone' ? [ram.path] : [],
    devices: accelerator === 'kvm' ? [KVM_DEVICE] : [],
  };
}

/**
 * Lets a QEMU with its own ids open the saved RAM. QEMU maps it privately and never writes it, but opens it for writing; a
 * changed file would be noticed (saved-machine.ts).
 */
async function grantRam({ ram }: MachineSpec, { ids }: Confinement): Promise<void> {
  if (ram?.kind !== 'clone' || ids === null || isGroupFile(ram.path, ids.group)) return;
  await chown(ram.path, process.getuid?.() ?? 0, ids.group);
  await chmod(ram.path, SHARED_RAM_MODE);
}

async function spawn(
  qemuPath: string,
  args: readonly string[],
  { statePath, onConsole, diskFds = [] }: StartMachineOptions,
  confined: Pick<SpawnQemuOptions, 'confinement' | 'files' | 'saveFd' | 'counterKhz'>,
): Promise<QemuProcess> {
  const options = { ...confined, diskFds, ...(onConsole === undefined ? {} : { onConsole }) };
  if (statePath === undefined) return spawnQemu(qemuPath, args, options);
  const stateFd = openSync(statePath, 'r');
  try {
    return await spawnQemu(qemuPath, args, { ...options, stateFd });
  } finally {
    closeSync(stateFd);
  }
}

/** Waits for the monitor; on failure QEMU has ended when the promise rejects. */
async function connectMonitor(
  child: QemuProcess,
  exited: Promise<MachineExit>,
  { signal }: StartMachineOptions,
): Promise<QmpClient> {
  const kill = () => child.kill();
  signal?.addEventListener('abort', kill, { once: true });
  try {
    const qmp = await QmpClient.connect(child.qmp);
    signal?.throwIfAborted();
    return qmp;
  } catch (error) {
    child.kill();
    const exit = await exited;
    signal?.throwIfAborted();
    const hasDied = GondolinError.is(error) && error.code === 'MACHINE_QMP_CLOSED';
    throw hasDied ? startFailed(exit, child.messageLog.tail()) : error;
  } finally {
    signal?.removeEventListener('abort', kill);
  }
}

function startFailed(exit: MachineExit, output: string): GondolinError {
  const refusal = refusalIn(output);
  if (refusal !== null) return new GondolinError('MACHINE_START_FAILED', `QEMU ${refusal}`);
  const lines = output === '' ? '' : `:\n${output}`;
  return new GondolinError(
    'MACHINE_START_FAILED',
    `QEMU exited while it started (${describeExit(exit)})${lines}`,
  );
}

/** Returns why the program that confines QEMU did not start it; null for output of QEMU. */
function refusalIn(output: string): string | null {
  const [, reason = null] = /^gondolin-confine: (.+)$/m.exec(output) ?? [];
  return reason === null ? null : `was not started: ${reason}`;
}

function describeExit({ code, signal }: MachineExit): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

interface Parts {
  readonly spec: MachineSpec;
  readonly child: QemuProcess;
  readonly accelerator: Accelerator;
  readonly confinement: Confinement;
  readonly stateFile: StateFile;
  readonly rootDisk: RootDisk | null;
  readonly replyDisk: ReplyDisk | null;
  readonly exited: Promise<MachineExit>;
  readonly qmp: QmpClient;
}

function runningMachine(parts: Parts): Machine {
  const { child, exited, qmp, ...facts } = parts;
  let exit: MachineExit | undefined;
  const observed = exited.then((value) => {
    exit = value;
    return value;
  });
  const kill = async () => {
    child.kill();
    await observed;
  };
  return {
    ...facts,
    pid: child.pid,
    control: child.control,
    fs: child.fs,
    qmp,
    exited: observed,
    consoleTail: () => child.consoleLog.tail(),
    exitError: () => exitError(exit, child),
    kill,
    close: async () => {
      // It quits by itself, or the kill below ends it: a refusal makes no difference.
      await qmp.execute('quit', {}, { timeoutMs: QUIT_LIMIT_MS }).catch(() => undefined);
      const limit = setTimeout(() => child.kill(), QUIT_LIMIT_MS);
      await observed;
      clearTimeout(limit);
    },
    keepAlive: (isKept) => child.keepAlive(isKept),
  };
}

function exitError(exit: MachineExit | undefined, child: QemuProcess): GondolinError {
  const refusal = refusalIn(child.messageLog.tail());
  if (refusal !== null) return new GondolinError('MACHINE_EXITED', `The VM ${refusal}`);
  const how = exit === undefined ? 'is ending' : `ended (${describeExit(exit)})`;
  const said = [child.messageLog.tail(), child.consoleLog.tail()].filter((text) => text !== '');
  const lines = said.length === 0 ? '; it printed nothing' : `:\n${said.join('\n')}`;
  return new GondolinError('MACHINE_EXITED', `The VM ${how}${lines}`, {
    details: { exitCode: exit?.code ?? null, signal: exit?.signal ?? null },
  });
}
