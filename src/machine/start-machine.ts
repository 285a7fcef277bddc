import { closeSync, openSync } from 'node:fs';
import { chmod, chown } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import { type Accelerator, chooseAccelerator } from '../host/accelerator.ts';
import { KVM_DEVICE } from '../host/accelerator-probe.ts';
import { type ConfinedFiles, type Confinement, isGroupFile } from '../host/confine.ts';
import { chooseConfinement } from '../host/confinement.ts';
import { type Directories, ensureDirectory, resolveDirectories } from '../host/directories.ts';
import { requireTool } from '../host/tools.ts';
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
import { newSession, removeSession, sweepStaleSessions, writeSession } from './session-record.ts';
import { StateFile } from './state-file.ts';

export type { MachineExit, MachineSpec };

export interface StartMachineOptions {
  /** Ends the start; a started machine is ended with `kill()`. */
  readonly signal?: AbortSignal;
  /** Called with each piece the guest writes to its console, unchecked guest bytes. */
  readonly onConsole?: (chunk: Buffer) => void;
  /** Default: probed once per boot of the host, or GONDOLIN_ACCEL. */
  readonly accelerator?: Accelerator;
  /** Default: the user's XDG directories. */
  readonly directories?: Directories;
  /**
   * State file of a saved machine with the same spec but for its `ram`, which holds the saved RAM: the machine goes on
   * from there. A state that QEMU refuses ends it.
   */
  readonly statePath?: string;
  /** Called when QEMU has been started and takes its time. */
  readonly onSpawned?: () => void;
}

/** A running QEMU. It ends with this process, however this process ends. */
export interface Machine {
  readonly spec: MachineSpec;
  readonly pid: number;
  readonly accelerator: Accelerator;
  readonly confinement: Confinement;
  /** Where QEMU writes its state. */
  readonly stateFile: StateFile;
  /** The port `gondolin.control`; its errors are never uncaught, `close` follows them. */
  readonly control: Duplex;
  /** The port `gondolin.fs`; as `control`. */
  readonly fs: Duplex;
  readonly qmp: QmpClient;
  /** Never rejects. */
  readonly exited: Promise<MachineExit>;
  /** Last lines of the guest's serial console, safe to print. */
  consoleTail(): string;
  /** MACHINE_EXITED with how QEMU ended and the console's last lines. */
  exitError(): GondolinError;
  /** Ends it at once; resolves when it is gone and nothing of it is left on disk. */
  kill(): Promise<void>;
  /** Lets QEMU end itself within a second, else kills it. */
  close(): Promise<void>;
}

/** QEMU's own way out takes a few milliseconds. */
const QUIT_LIMIT_MS = 1_000;

/**
 * Starts a machine; resolves when QEMU runs and its monitor answers, while the guest is still booting.
 * On failure nothing is left running or on disk. Also ends what killed gondolins left behind.
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
  const qemu = requireTool('qemu-system-x86_64');
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
  try {
    stateFile = new StateFile(session.stateFile);
    const files = filesOf(spec, accelerator);
    child = await spawn(qemu.path, args, options, {
      confinement,
      files,
      saveFd: stateFile.writeFd,
    });
  } catch (cause) {
    stateFile?.close();
    removeSession(session);
    throw cause;
  }
  const opened = stateFile;
  const exited = child.exited.finally(() => {
    opened.close();
    removeSession(session);
  });
  writeSession(session, child.pid);
  options.onSpawned?.();
  const qmp = await firstContact(child, exited, options);
  return runningMachine({ spec, child, accelerator, confinement, stateFile, exited, qmp });
}

/** What QEMU opens by name. */
function filesOf(spec: MachineSpec, accelerator: Accelerator): ConfinedFiles {
  const { vmlinuxPath, initramfsPath, rootfsPath, ram } = spec;
  return {
    read: [vmlinuxPath, initramfsPath, ...(rootfsPath === null ? [] : [rootfsPath])],
    data: ram?.kind === 'clone' ? [ram.path] : [],
    devices: accelerator === 'kvm' ? [KVM_DEVICE] : [],
  };
}

/**
 * Lets a QEMU with ids of its own open the saved RAM. It maps it privately and writes none of it, but opens it for writing;
 * what changed it would be noticed (saved-machine.ts).
 */
async function grantRam({ ram }: MachineSpec, { ids }: Confinement): Promise<void> {
  if (ram?.kind !== 'clone' || ids === null || isGroupFile(ram.path, ids.group)) return;
  await chown(ram.path, process.getuid?.() ?? 0, ids.group);
  await chmod(ram.path, SHARED_RAM_MODE);
}

async function spawn(
  qemuPath: string,
  args: readonly string[],
  { statePath, onConsole }: StartMachineOptions,
  confined: Pick<SpawnQemuOptions, 'confinement' | 'files' | 'saveFd'>,
): Promise<QemuProcess> {
  const options = { ...confined, ...(onConsole === undefined ? {} : { onConsole }) };
  if (statePath === undefined) return spawnQemu(qemuPath, args, options);
  const stateFd = openSync(statePath, 'r');
  try {
    return await spawnQemu(qemuPath, args, { ...options, stateFd });
  } finally {
    closeSync(stateFd);
  }
}

/** Waits for the monitor; on any failure QEMU is gone when the promise rejects. */
async function firstContact(
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

function startFailed(exit: MachineExit, said: string): GondolinError {
  const lines = said === '' ? '' : `:\n${said}`;
  return new GondolinError(
    'MACHINE_START_FAILED',
    `QEMU ended at its start (${describeExit(exit)})${lines}`,
  );
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
      // Either it goes by itself or the kill below ends it: the refusal changes nothing.
      await qmp.execute('quit', {}, { timeoutMs: QUIT_LIMIT_MS }).catch(() => undefined);
      const limit = setTimeout(() => child.kill(), QUIT_LIMIT_MS);
      await observed;
      clearTimeout(limit);
    },
  };
}

function exitError(exit: MachineExit | undefined, child: QemuProcess): GondolinError {
  const how = exit === undefined ? 'is ending' : `ended (${describeExit(exit)})`;
  const said = [child.messageLog.tail(), child.consoleLog.tail()].filter((text) => text !== '');
  const lines = said.length === 0 ? '; it printed nothing' : `:\n${said.join('\n')}`;
  return new GondolinError('MACHINE_EXITED', `The virtual machine ${how}${lines}`, {
    details: { exitCode: exit?.code ?? null, signal: exit?.signal ?? null },
  });
}
