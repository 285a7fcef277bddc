import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { VmPlan } from '../../plan/plan.ts';
import type { GuestFileSystem } from '../../vm/files/guest-file-system.ts';
import { copiesOf, copyFilter, MAX_COPIED_ENTRIES } from './copy-filter.ts';

/** Files of the guest that a tree is copied with. */
interface CopyFiles {
  /** As root: makes the target. */
  readonly root: Pick<GuestFileSystem, 'mkdir' | 'chown'>;
  /** As the user of the sandbox. */
  readonly own: Pick<GuestFileSystem, 'copyIn' | 'stat'>;
  /** Returns the ids of the user. */
  readonly owner: () => Promise<{ readonly uid: number; readonly gid: number }>;
}

/**
 * Copies the trees of a sandbox into its guest, in the order of the file.
 * @throws {GondolinError} FILES_COPY_FAILED, FILES_TOO_LARGE; codes of file operations in the guest.
 */
export async function copyTreesIn(
  vm: VmPlan,
  files: CopyFiles,
  signal: AbortSignal,
): Promise<void> {
  for (const copy of copiesOf(vm)) {
    const { hostPath, guestPath } = copy;
    const filter = copyFilter(copy, vm);
    const isDirectory = (await stat(hostPath)).isDirectory();
    await makeTarget(isDirectory ? guestPath : posix.dirname(guestPath), files);
    await files.own.copyIn(hostPath, guestPath, { filter, maxEntries: MAX_COPIED_ENTRIES, signal });
  }
}

/** A directory that exists keeps its owner; what is made belongs to the user. */
async function makeTarget(path: string, { root, own, owner }: CopyFiles): Promise<void> {
  const exists = await own.stat(path).then(
    () => true,
    (error: unknown) => {
      if (GondolinError.is(error) && error.code === 'ENOENT') return false;
      throw error;
    },
  );
  if (exists) return;
  await root.mkdir(path, { recursive: true });
  const { uid, gid } = await owner();
  await root.chown(path, uid, gid);
}
