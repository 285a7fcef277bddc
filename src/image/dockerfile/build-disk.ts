import { lstat, mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NAMES } from '../../host/directories.ts';
import { tryLockDirectory } from '../../host/directory-lock.ts';
import { lockFile } from '../../host/file-lock.ts';
import { diskBytesOf } from '../../host/saved-directories.ts';
import type { OciContext } from '../oci/find-image.ts';
import { type DockerfileRecipe, dockerfileDiskKey } from '../recipe.ts';

/** A disk that takes more starts empty again: the builder itself removes nothing that may be used once more. */
const MAX_BYTES = 16 * 2 ** 30;
const DISK_NAME = 'disk.img';
/** There when the last build ended by itself: the disk of a killed machine may lack what was written last. */
const CLEAN_NAME = 'clean';

/**
 * Gives `use` the disk of a Dockerfile, which one build uses at a time. It is empty if the last build was killed, or it has become too
 * large. What `use` leaves is kept if it resolves.
 * @throws {GondolinError} HOST_* of the locks and the directory.
 */
export async function withBuildDisk<T>(
  recipe: DockerfileRecipe,
  { options: { cacheDirectory }, onEvent, signal }: OciContext,
  use: (diskPath: string) => Promise<T>,
): Promise<T> {
  const parent = join(cacheDirectory, NAMES.builders);
  const key = dockerfileDiskKey(recipe);
  const directory = join(parent, key);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = await lockFile(join(parent, `${key}.lock`), 'exclusive', {
    signal,
    onWait: (pid) => {
      const builder = pid === null ? 'another gondolin' : `another gondolin (process ${pid})`;
      const message = `waiting for ${builder} that builds this Dockerfile`;
      onEvent({ level: 'info', artifact: 'rootfs', phase: 'wait', message, fraction: null });
    },
  });
  try {
    return await withLocked(directory, use);
  } finally {
    lock.release();
  }
}

async function withLocked<T>(directory: string, use: (diskPath: string) => Promise<T>): Promise<T> {
  // Another process may have removed it as unused in the meantime.
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const inUse = tryLockDirectory(directory, 'shared');
  try {
    const now = new Date();
    await utimes(directory, now, now);
    const disk = join(directory, DISK_NAME);
    const clean = join(directory, CLEAN_NAME);
    const wasClean = (await lstat(clean).catch(() => null)) !== null;
    await rm(clean, { force: true });
    if (!wasClean || (await diskBytesOf(disk)) > MAX_BYTES) await rm(disk, { force: true });
    const result = await use(disk);
    await writeFile(clean, '', { mode: 0o600 });
    return result;
  } finally {
    inUse?.release();
  }
}
