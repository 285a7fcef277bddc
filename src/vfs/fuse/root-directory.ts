import { ROOT_NODE_ID } from '../../protocol/fuse/fuse-abi.ts';
import { S_IFDIR } from '../file-mode.ts';
import { VfsError } from '../vfs-error.ts';
import { enter, type FuseContext } from './context.ts';
import { encodeAttributes } from './encode.ts';

const LONG_TTL_MS = 3_600_000;

/** Returns the attributes of the synthetic root, a directory that only the agent sees and binds each mount from. */
export function rootAttributes(): Buffer {
  const attributes = {
    ino: BigInt(ROOT_NODE_ID),
    mode: S_IFDIR | 0o555,
    nlink: 2,
    uid: 0,
    gid: 0,
    rdev: 0,
    sizeBytes: 0,
    blocks: 0,
    atimeNs: 0n,
    mtimeNs: 0n,
    ctimeNs: 0n,
  };
  return encodeAttributes(attributes, LONG_TTL_MS);
}

/** Finds a mount by its name. @throws {VfsError} ENOENT */
export function lookupMount(context: FuseContext, name: string): Promise<Buffer> {
  const mount = context.mounts.get(name);
  if (mount === undefined) throw new VfsError('ENOENT');
  return enter(context, null, mount, mount.root);
}
