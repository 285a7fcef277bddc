import { ERRNO } from '../protocol/errno.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from './file-mode.ts';
import type { FuseContext } from './fuse/context.ts';
import type { HeldNode, Mount } from './nodes/node-table.ts';
import type { Caller, VfsNode } from './provider.ts';
import { toErrno } from './vfs-error.ts';

const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o644;

export interface MountPoint {
  /** Path below the mount's root: names separated by slashes, as JavaScript text. */
  readonly path: string;
  readonly isDirectory: boolean;
}

/**
 * Makes the mount point of another volume inside `mount`, owned by the sandbox's user: the mount itself is done by root in
 * the guest, and a file made by root would be remembered as root's. Existing files stay as they are. Stops at a symbolic
 * link, which the guest follows itself.
 */
export async function makeMountPoint(
  { ids }: Pick<FuseContext, 'ids'>,
  mount: Mount,
  { path, isDirectory }: MountPoint,
  user: Caller,
): Promise<void> {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) return;
  const held: HeldNode[] = [];
  try {
    let node = mount.root;
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1;
      const bytes = Buffer.from(name, 'utf8').toString('latin1');
      node = await lookupOrMake(mount, node, bytes, isDirectory || !isLast, user);
      held.push(ids.addLookup(mount, node));
      const { mode } = await mount.provider.attributes(node);
      if ((mode & S_IFMT) !== S_IFDIR) return;
    }
  } finally {
    for (const { id } of held) ids.forget(id, 1n);
  }
}

/** Returns the node of that name, or makes it. */
async function lookupOrMake(
  { provider }: Mount,
  parent: VfsNode,
  name: string,
  isDirectory: boolean,
  user: Caller,
): Promise<VfsNode> {
  try {
    return await provider.lookup(parent, name);
  } catch (error) {
    if (toErrno(error) !== ERRNO.ENOENT) throw error;
  }
  try {
    if (isDirectory) return await provider.makeDirectory(parent, name, DIRECTORY_MODE, user);
    return await provider.makeNode(parent, name, { mode: S_IFREG | FILE_MODE, rdev: 0 }, user);
  } catch (error) {
    // Another volume made it at the same time.
    if (toErrno(error) === ERRNO.EEXIST) return provider.lookup(parent, name);
    throw error;
  }
}
