import { link, rename } from 'node:fs/promises';

/** Gives a download its name in the entry, and leaves its own: a process that is killed before the entry is ready has lost nothing. */
export async function keepUntilReady(path: string, target: string): Promise<void> {
  try {
    await link(path, target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Some file systems have no links.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS' && code !== 'EMLINK')
      throw error;
    await rename(path, target);
  }
}
