import type { AgentClient } from '../../agent/agent-client.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { SAVED_FILES } from '../../machine/saved-files.ts';
import type { Machine } from '../../machine/start-machine.ts';
import type { Frozen } from '../../protocol/guest-message.ts';
import { anything, list, object, text } from '../../util/json-decoder.ts';
import { FuseServer } from '../../vfs/fuse-server.ts';
import { fileHooks } from '../file-hooks.ts';
import type { DebugLog, VMOptions } from '../vm-options.ts';
import { readSavedJson, writeSavedJson } from './saved-json.ts';
import { refused } from './saved-machine.ts';

const QUIET_LIMIT_MS = 10_000;
/** PATH_MAX of Linux. */
const MAX_PATH_LENGTH = 4096;
const ROOT_USER = { uid: 0, gid: 0 };

/** Content of the file: guest paths in the order of their names under the FUSE root, and the file server's state. */
interface SavedMounts {
  readonly targets: readonly string[];
  /** Guest paths of the disks, in the order of their devices: the guest mounts them again by itself. */
  readonly disks: readonly string[];
  /** Null without provider mounts. */
  readonly files: unknown;
}

const storedMounts = object<SavedMounts>({
  targets: list(text({ maxLength: MAX_PATH_LENGTH })),
  disks: list(text({ maxLength: MAX_PATH_LENGTH })),
  files: anything,
});

/**
 * Freezes the guest once every request of its mounts is served and every reply has reached its kernel, and leaves the
 * file server quiesced.
 * @throws {GondolinError} MACHINE_STATE_FAILED when the mounts stay busy for 10 s; SNAPSHOT_UNSUPPORTED when processes use a disk.
 */
export async function freezeQuiet(
  agent: Pick<AgentClient, 'freeze'>,
  fuse: Pick<FuseServer, 'bytesIn' | 'bytesOut' | 'quiesce'> | null,
): Promise<Frozen> {
  const deadline = performance.now() + QUIET_LIMIT_MS;
  while (performance.now() < deadline) {
    const frozen = await agent.freeze().catch(explainBusyDisk);
    if (fuse === null) return frozen;
    // Only once all requests have arrived: a quiesced server reads none.
    if (frozen.sentBytes !== BigInt(fuse.bytesIn)) continue;
    // A provider that never replies must not leave the guest frozen.
    if (!(await fuse.quiesce(deadline - performance.now()))) break;
    if (frozen.receivedBytes === BigInt(fuse.bytesOut)) return frozen;
  }
  throw new GondolinError('MACHINE_STATE_FAILED', 'the mounts of the guest stayed busy for 10 s');
}

/** A guest unmounts its disks before it is frozen: another VM may write to them before it is restored. */
function explainBusyDisk(cause: unknown): never {
  if (!GondolinError.is(cause) || cause.details?.['errno'] !== 'EBUSY') throw cause;
  const target = String(cause.details?.['stage']);
  throw new GondolinError('SNAPSHOT_UNSUPPORTED', `the disk at ${target} is in use in the guest`, {
    hint: 'Save when no process has files open on it, is in one of its directories, or has something mounted below it.',
    cause,
    details: { target },
  });
}

/** @throws {GondolinError} SNAPSHOT_UNSUPPORTED naming a mount; MACHINE_STATE_FAILED when it cannot be written. */
export async function writeMounts(
  directory: string,
  places: Pick<SavedMounts, 'targets' | 'disks'>,
  fuse: FuseServer | null,
): Promise<void> {
  const saved: SavedMounts = { ...places, files: (await fuse?.exportState()) ?? null };
  await writeSavedJson(directory, SAVED_FILES.mounts, saved);
}

/**
 * Serves the mounts of a restored guest again.
 * @param onServer  Receives the file server as soon as there is one to close.
 * @throws {GondolinError} SNAPSHOT_REFUSED when it was saved with other mounts; VFS_MOUNT_FAILED.
 */
export async function restoreMounts(
  { options, log }: { readonly options: VMOptions; readonly log: DebugLog },
  directory: string,
  machine: Machine,
  onServer: (server: FuseServer) => void,
): Promise<void> {
  const saved = await readSavedJson(directory, SAVED_FILES.mounts, storedMounts);
  const { targets, disks, files } = saved;
  const givenDisks = Object.keys(options.vfs?.disks ?? {});
  if (disks.length !== givenDisks.length || disks.some((path, at) => path !== givenDisks[at])) {
    throw refused(directory, `it was saved with disks at ${disks.join(', ') || 'no path'}`);
  }
  const provided = options.vfs?.mounts ?? {};
  const mounts = targets.flatMap((target, index) => {
    const provider = Object.hasOwn(provided, target) ? provided[target] : undefined;
    return provider === undefined ? [] : [{ name: String(index), path: target, provider }];
  });
  if (mounts.length !== targets.length || mounts.length !== Object.keys(provided).length) {
    throw refused(directory, `it was saved with mounts at ${targets.join(', ') || 'no path'}`);
  }
  if (mounts.length === 0) return;
  const server = new FuseServer({
    mounts,
    user: ROOT_USER,
    state: files,
    ...fileHooks(options, log),
  });
  onServer(server);
  await server.start();
  server.attach(machine.fs, undefined, machine.replyDisk);
}
