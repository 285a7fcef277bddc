import { ERRNO } from '../protocol/errno.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from './file-mode.ts';
import type { FuseContext } from './fuse/context.ts';
import type { HeldNode, Mount } from './nodes/node-table.ts';
import type { Caller, VfsNode } from './provider.ts';
import { toErrno } from './vfs-error.ts';

const DIRECTORY_MODE = 0o755;
const FILE_MODE = 0o644;

export interface Place {
  /** Below the mount's root: names with slashes between, as text of JavaScript. */
  readonly path: string;
  readonly isDirectory: boolean;
}

/**
 * Makes what another volume is mounted on, inside of `mount`, for the sandbox's user: whoever mounts it is root in the
 * guest, and what root makes is remembered as root's. What is there stays. A symbolic link on the way is left to the
 * guest, which follows it.
 */
export async function makeMountPoint(
  { ids }: Pick<FuseContext, 'ids'>,
  mount: Mount,
  { path, isDirectory }: Place,
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
      node = await makeOne(mount, node, bytes, isDirectory || !isLast, user);
      held.push(ids.addLookup(mount, node));
      const { mode } = await mount.provider.attributes(node);
      if ((mode & S_IFMT) !== S_IFDIR) return;
    }
  } finally {
    for (const { id } of held) ids.forget(id, 1n);
  }
}

/** What has the name, else a new file or directory. */
async function makeOne(
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
    // Made for another volume at the same time.
    if (toErrno(error) === ERRNO.EEXIST) return provider.lookup(parent, name);
    throw error;
  }
}
