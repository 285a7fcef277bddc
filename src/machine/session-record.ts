import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import {
  findProcessesByArgument,
  formatOwner,
  identifyOwnProcess,
  identifyProcess,
  lifeOf,
  type ProcessIdentity,
  parseOwner,
  signalProcess,
} from '../host/process-life.ts';
import { decodeOrNull, integer, nullable, object } from '../util/json-decoder.ts';

/** A record of another container is removed once it is this old; its processes are not visible here. */
const FOREIGN_RECORD_AGE_MS = 24 * 60 * 60 * 1000;

/**
 * The record of a running machine on disk, so that a later gondolin can end it when this one is killed between fork and
 * the moment the kernel knows about the parent's death signal. The file's name contains the owner,
 * `<namespace>-<pid>-<start>-<random>.json`; a sweep reads the content only of records whose owner is dead.
 */
export interface SessionRecord {
  /** `guest=` name on QEMU's command line: unique, and enough to find QEMU when the record has no pid. */
  readonly name: string;
  readonly file: string;
  /** Name of the machine's state file until it is unlinked, right after it was opened. */
  readonly stateFile: string;
  /** The same of the disk of its root. */
  readonly diskFile: string;
}

/** Creates names for one machine, unique on this host. */
export function newSession(directory: string): SessionRecord {
  const id = `${formatOwner(identifyOwnProcess())}-${randomBytes(6).toString('hex')}`;
  const path = join(directory, id);
  const [stateFile, diskFile] = [`${path}.state`, `${path}.disk`];
  return { name: `gondolin-${id}`, file: `${path}.json`, stateFile, diskFile };
}

/**
 * Writes the record: before QEMU is started with `qemuPid` null, and again once its pid is known. The directory
 * must exist. Not flushed: after a power cut no machine is left to end.
 * @throws {GondolinError} HOST_WRITE_FAILED
 */
export function writeSession(session: SessionRecord, qemuPid: number | null): void {
  const qemu = qemuPid === null ? null : identifyProcess(qemuPid);
  const content = { name: session.name, qemu, owner: identifyOwnProcess() };
  try {
    writeFileSync(session.file, `${JSON.stringify(content)}\n`, { mode: 0o600 });
  } catch (cause) {
    throw new GondolinError('HOST_WRITE_FAILED', `Cannot write "${session.file}"`, {
      cause,
      details: { path: session.file },
    });
  }
}

export function removeSession(session: SessionRecord): void {
  rmSync(session.file, { force: true });
}

const storedSession = object({
  qemu: nullable(
    object<ProcessIdentity>({
      pid: integer({ min: 1 }),
      startTicks: integer(),
      pidNamespace: integer(),
    }),
  ),
});

export interface SweepResult {
  /** Pids of the machines that had outlived their gondolin and were killed. */
  readonly killedPids: readonly number[];
  /** Paths of the removed records. */
  readonly removedFiles: readonly string[];
}

/**
 * Ends what killed gondolins left: machines whose owner is dead, and their records. Costs one directory listing when there
 * is none. Safe to run at any time, by several processes at once.
 * @throws {GondolinError} HOST_DIRECTORY_UNUSABLE when the directory cannot be read or belongs to another user.
 */
export function sweepStaleSessions(directory: string, nowMs: number = Date.now()): SweepResult {
  const killedPids: number[] = [];
  const removedFiles: string[] = [];
  for (const entry of recordsIn(directory)) {
    const file = join(directory, entry);
    const owner = parseOwner(entry);
    if (owner === null || !isStale(file, owner, nowMs)) continue;
    const name = `gondolin-${entry.slice(0, -'.json'.length)}`;
    for (const process of findMachines(file, name)) {
      if (signalProcess(process, 'SIGKILL')) killedPids.push(process.pid);
    }
    usable(directory, () => {
      rmSync(join(directory, `${entry.slice(0, -'.json'.length)}.state`), { force: true });
      rmSync(file, { force: true });
    });
    removedFiles.push(file);
  }
  return { killedPids, removedFiles };
}

function usable<T>(directory: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new GondolinError('HOST_DIRECTORY_UNUSABLE', `Cannot use the directory "${directory}"`, {
      cause,
      details: { path: directory },
    });
  }
}

function recordsIn(directory: string): string[] {
  const names = usable(directory, () => {
    try {
      return readdirSync(directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
  return names.filter((entry) => entry.endsWith('.json'));
}

function isStale(file: string, owner: ProcessIdentity, nowMs: number): boolean {
  const life = lifeOf(owner);
  if (life !== 'unknown') return life === 'dead';
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat !== undefined && nowMs - stat.mtimeMs > FOREIGN_RECORD_AGE_MS;
}

/**
 * Returns the recorded process if it is still the same one. For a record that was cut off before the pid was known, returns
 * every process with the machine's name on its command line.
 */
function findMachines(file: string, name: string): ProcessIdentity[] {
  const recorded = readQemu(file);
  if (recorded !== null) return lifeOf(recorded) === 'alive' ? [recorded] : [];
  return findProcessesByArgument(`guest=${name}`);
}

/** Null also for a record that was cut off while it was written, or that another sweep removed first. */
function readQemu(file: string): ProcessIdentity | null {
  try {
    return decodeOrNull(readFileSync(file, 'utf8'), storedSession)?.qemu ?? null;
  } catch {
    return null;
  }
}
