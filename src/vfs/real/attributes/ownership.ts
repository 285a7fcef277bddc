import type { BigIntStats } from 'node:fs';
import {
  GROUP_BITS,
  PERMISSION_BITS,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../../file-mode.ts';
import type { Attributes, Caller } from '../../provider.ts';
import type { VirtualStat } from './virtual-stat.ts';

const VIRTUAL_TYPES: readonly number[] = [S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK];

/** Maps host owners to guest owners: our own files and the mount owner's belong to the sandbox's user. */
export interface OwnerMap {
  /** Host uids whose files belong to `user`. */
  readonly hostUids: ReadonlySet<number>;
  readonly hostGids: ReadonlySet<number>;
  readonly user: Caller;
}

function mapUid(map: OwnerMap, hostUid: number): number {
  return map.hostUids.has(hostUid) ? map.user.uid : hostUid;
}

function mapGid(map: OwnerMap, hostGid: number): number {
  return map.hostGids.has(hostGid) ? map.user.gid : hostGid;
}

/**
 * Returns the permission bits that the host file gets for a guest's `mode`: never set-id or sticky, and always with the
 * rights that we need to serve it.
 */
export function hostPermissions(mode: number, isDirectory: boolean): number {
  return (mode & 0o777) | (isDirectory ? 0o700 : 0o400);
}

/**
 * Returns the permission bits of the host, which checks no access control lists: its group gets what a list gives the group, not the mask.
 * @param group  What the owning group may, 0..7; undefined for a file without a list.
 */
export function withoutMask(mode: number, group: number | undefined): number {
  return group === undefined ? mode : (mode & ~GROUP_BITS) | (group << 3);
}

/** Returns st_mode as the guest sees it: the virtual bits apply while the host's are unchanged since they were set. */
export function presentMode(hostMode: number, stat: VirtualStat): number {
  const type = hostMode & S_IFMT;
  const permissions = hostMode & PERMISSION_BITS;
  if (stat.mode === null || permissions !== stat.hostMode) {
    // Set-id bits of the host's own files mean nothing in the guest, where their owner differs.
    return type | (permissions & (type === S_IFDIR ? 0o3777 : 0o777));
  }
  const virtualType = stat.mode & S_IFMT;
  const hasVirtualType = type === S_IFREG && VIRTUAL_TYPES.includes(virtualType);
  return (hasVirtualType ? virtualType : type) | (stat.mode & PERMISSION_BITS);
}

/** Converts a host device number to the kernel's 32-bit form (new_encode_dev, linux/kdev_t.h). */
function encodeDevice(rdev: bigint): number {
  const value = Number(rdev & 0xffff_ffffn);
  return value >>> 0;
}

/** Returns the attributes of a host file as the guest sees them. */
export function presentAttributes(host: BigIntStats, stat: VirtualStat, map: OwnerMap): Attributes {
  const mode = presentMode(Number(host.mode), stat);
  const isVirtualDevice = (mode & S_IFMT) !== (Number(host.mode) & S_IFMT);
  return {
    ino: host.ino,
    device: host.dev,
    mode,
    nlink: Number(host.nlink),
    uid: stat.uid ?? mapUid(map, Number(host.uid)),
    gid: stat.gid ?? mapGid(map, Number(host.gid)),
    rdev: isVirtualDevice ? stat.rdev : encodeDevice(host.rdev),
    sizeBytes: isVirtualDevice ? 0 : Number(host.size),
    blocks: Number(host.blocks),
    atimeNs: host.atimeNs,
    mtimeNs: host.mtimeNs,
    ctimeNs: host.ctimeNs,
  };
}
