import type { VfsProvider } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';

function gone(): never {
  throw new VfsError('ESTALE');
}

/** Provider of files that the host has removed and that the guest never held: they have a node and nothing else. */
export const GONE_FILES: VfsProvider = {
  isReadonly: true,
  ttlMs: 0,
  start: () => ({}),
  stop: () => undefined,
  forget: () => undefined,
  ...{ lookup: gone, attributes: gone, setAttributes: gone, readLink: gone, entries: gone },
  ...{ status: gone, create: gone, makeNode: gone, makeDirectory: gone, makeSymlink: gone },
  ...{ link: gone, unlink: gone, removeDirectory: gone, rename: gone, open: gone, read: gone },
  ...{ write: gone, release: gone, sync: gone, allocate: gone, seek: gone },
};
