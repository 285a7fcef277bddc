import { chmodSync, closeSync, fstatSync, ftruncateSync } from 'node:fs';
import { descriptorPath, setTimes } from '../../host/libc.ts';
import { O_RDWR, PERMISSION_BITS, S_IFLNK, S_IFMT, S_ISGID } from '../file-mode.ts';
import type { AttributeChange, Attributes, Caller } from '../provider.ts';
import { hostPermissions, type OwnerMap, presentAttributes, presentMode } from './ownership.ts';
import { openRegular, type RealHandle } from './real-file.ts';
import type { RealNode } from './real-node.ts';
import type { RealNodeTable } from './real-node-table.ts';
import { NO_VIRTUAL_STAT, type VirtualStat, type VirtualStatStore } from './virtual-stat.ts';

type OwnerAndMode = Pick<AttributeChange, 'uid' | 'gid' | 'mode'>;

/** Attributes of host files as the guest sees and changes them: docs/files.md. */
export class RealMetadata {
  /** Index of each host device in the inode numbers the guest sees. */
  readonly devices = new Map<bigint, bigint>();
  readonly #nodes: RealNodeTable;
  readonly #stats: VirtualStatStore;
  #owners: OwnerMap = { hostUids: new Set(), hostGids: new Set(), user: { uid: 0, gid: 0 } };

  constructor(nodes: RealNodeTable, stats: VirtualStatStore) {
    this.#nodes = nodes;
    this.#stats = stats;
  }

  /** What belongs to `hostOwner` or to this process is the user's in the guest. Before all else. */
  start(hostOwner: Caller, user: Caller): void {
    const { uid, gid } = hostOwner;
    this.#owners = {
      hostUids: new Set([process.geteuid?.() ?? uid, uid]),
      hostGids: new Set([process.getegid?.() ?? gid, gid]),
      user,
    };
  }

  read(node: RealNode): Attributes {
    const fd = this.#nodes.fd(node);
    const host = fstatSync(fd, { bigint: true });
    return presentAttributes(host, this.#virtual(node, fd), this.#owners, this.#number(node));
  }

  /** File type and permissions, for a node whose descriptor is `fd`. */
  mode(node: RealNode, fd: number): number {
    return presentMode(fstatSync(fd).mode, this.#virtual(node, fd));
  }

  #virtual(node: RealNode, fd: number): VirtualStat {
    node.stat ??= this.#stats.load(fd, node.key, this.#owners.hostUids.has(fstatSync(fd).uid));
    return node.stat;
  }

  /** One number per inode over all host devices below the mount. */
  #number({ dev, ino }: RealNode): bigint {
    const index = this.devices.get(dev) ?? BigInt(this.devices.size);
    this.devices.set(dev, index);
    return ino ^ (index << 48n);
  }

  change(node: RealNode, change: AttributeChange, handle: RealHandle | null): void {
    const fd = this.#nodes.fd(node);
    if (change.sizeBytes !== undefined) truncate(fd, change.sizeBytes, handle);
    if (change.uid !== undefined || change.gid !== undefined || change.mode !== undefined) {
      this.#remember(node, fd, change);
    }
    if (change.atimeNs !== undefined || change.mtimeNs !== undefined) {
      setTimes(fd, change.atimeNs ?? null, change.mtimeNs ?? null);
    }
  }

  /** Gives the file what the host may have of it and remembers the rest. */
  #remember(node: RealNode, fd: number, change: OwnerAndMode): void {
    const host = fstatSync(fd);
    const before = this.#virtual(node, fd);
    const shown = presentMode(host.mode, before);
    const next: { -readonly [K in keyof VirtualStat]: VirtualStat[K] } = { ...before };
    const isLink = (host.mode & S_IFMT) === S_IFLNK;
    if (change.uid !== undefined) next.uid = change.uid;
    if (change.gid !== undefined) next.gid = change.gid;
    if (change.mode !== undefined && !isLink) {
      const wanted = (shown & S_IFMT) | (change.mode & PERMISSION_BITS);
      const isDirectory = host.isDirectory();
      const isVirtualType = (shown & S_IFMT) !== (host.mode & S_IFMT);
      const permissions = isVirtualType ? 0o600 : hostPermissions(wanted, isDirectory);
      if ((host.mode & PERMISSION_BITS) !== permissions) chmodSync(descriptorPath(fd), permissions);
      const isExact = permissions === (wanted & PERMISSION_BITS) && !isVirtualType;
      next.mode = isExact ? null : wanted;
      next.hostMode = isExact ? 0 : permissions;
    }
    node.stat = next;
    this.#stats.save(fd, node.key, next);
  }

  /**
   * Gives a new file its maker, and its mode where it has one. The group comes from a set-group-id directory, as on
   * Linux.
   */
  made(node: RealNode, parent: RealNode, mode: number | undefined, caller: Caller): void {
    // The inode number may be one that a deleted file had.
    this.#stats.drop(node.key);
    node.stat = NO_VIRTUAL_STAT;
    const around = this.read(parent);
    const gid = (around.mode & S_ISGID) !== 0 ? around.gid : caller.gid;
    const { user } = this.#owners;
    const shown = this.read(node);
    const change = {
      ...(caller.uid === shown.uid && caller.uid === user.uid ? {} : { uid: caller.uid }),
      ...(gid === shown.gid && gid === user.gid ? {} : { gid }),
      ...(mode === undefined ? {} : { mode }),
    };
    if (Object.keys(change).length > 0) this.#remember(node, this.#nodes.fd(node), change);
  }

  /** A device, FIFO or socket is an empty file on the host: the guest's kernel does the rest. */
  makeVirtual(node: RealNode, mode: number, rdev: number): void {
    const fd = this.#nodes.fd(node);
    chmodSync(descriptorPath(fd), 0o600);
    node.stat = { ...this.#virtual(node, fd), mode, rdev, hostMode: 0o600 };
    this.#stats.save(fd, node.key, node.stat);
  }

  /** The last name of this file is gone. */
  unlinked(node: RealNode): void {
    this.#stats.drop(node.key);
  }
}

function truncate(fd: number, sizeBytes: number, handle: RealHandle | null): void {
  const own = handle === null ? openRegular(fd, O_RDWR) : null;
  try {
    ftruncateSync(own ?? handle?.fd ?? -1, sizeBytes);
  } finally {
    if (own !== null) closeSync(own);
  }
}
