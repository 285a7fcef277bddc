import { type BigIntStats, chmodSync, fstatSync, ftruncateSync } from 'node:fs';
import { descriptorPath, setTimes } from '../../host/libc.ts';
import {
  O_RDWR,
  OWNER_WRITE,
  PERMISSION_BITS,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_ISGID,
} from '../file-mode.ts';
import type { AttributeChange, Attributes, Caller } from '../provider.ts';
import { isSettled } from '../settled.ts';
import {
  hostPermissions,
  type OwnerMap,
  presentAttributes,
  presentMode,
  withoutMask,
} from './attributes/ownership.ts';
import {
  type KnownStat,
  NO_VIRTUAL_STAT,
  type VirtualStat,
  type VirtualStatStore,
} from './attributes/virtual-stat.ts';
import { closeDescriptors, openRegular } from './descriptors/open-regular.ts';
import type { RealNode } from './nodes/real-node.ts';
import type { RealNodeTable } from './nodes/real-node-table.ts';
import type { RealHandle } from './open-files.ts';

type OwnerAndMode = Pick<AttributeChange, 'uid' | 'gid' | 'mode' | 'groupPermissions'>;

/** A file before its owner or mode changes. */
interface NotedFile {
  readonly node: RealNode;
  readonly fd: number;
  readonly host: { readonly mode: number };
  readonly before: VirtualStat;
  /** It has just been made: nothing is noted on it. */
  readonly isNew: boolean;
}

/**
 * For how long a virtual stat is used whose file could change again without getting another change time, in ms. A change that another
 * process makes is reported sooner where that is possible.
 */
const UNSETTLED_MS = 10;

/** Changes of virtual stats by all mounts of this process, and reports of changes by others: each ends the use of those. */
let changes = 0;

/** Attributes of host files as the guest sees and changes them: docs/files.md. */
export class RealMetadata {
  readonly #nodes: RealNodeTable;
  readonly #stats: VirtualStatStore;
  #owners: OwnerMap = { hostUids: new Set(), hostGids: new Set(), user: { uid: 0, gid: 0 } };

  constructor(nodes: RealNodeTable, stats: VirtualStatStore) {
    this.#nodes = nodes;
    this.#stats = stats;
  }

  /** Maps files of `hostOwner` and of this process to `user` in the guest. Call before anything else. */
  start(hostOwner: Caller, user: Caller): void {
    const { uid, gid } = hostOwner;
    this.#owners = {
      hostUids: new Set([process.geteuid?.() ?? uid, uid]),
      hostGids: new Set([process.getegid?.() ?? gid, gid]),
      user,
    };
  }

  /** True for a host user whose files belong to the sandbox's user: what we noted on them is ours. */
  isOfHostUser(uid: number): boolean {
    return this.#owners.hostUids.has(uid);
  }

  read(node: RealNode): Attributes {
    const fd = this.#nodes.fd(node);
    const host = fstatSync(fd, { bigint: true });
    return presentAttributes(host, this.#virtual(node, fd, host), this.#owners);
  }

  /** Returns file type and permissions of a node whose descriptor is `fd`. */
  mode(node: RealNode, fd: number): number {
    const host = fstatSync(fd, { bigint: true });
    return presentMode(Number(host.mode), this.#virtual(node, fd, host));
  }

  /** Notes that somebody may just have changed a file: virtual stats that were read lately are read again. */
  expireRecent(): void {
    changes++;
  }

  /** Returns the virtual stat, cached while the change time is the same: another process may serve the same file. */
  #virtual(node: RealNode, fd: number, host: BigIntStats): VirtualStat {
    const { ctimeNs } = host;
    const known = node.stat;
    if (known?.ctimeNs === ctimeNs && this.#isUsable(known)) return known.stat;
    const stat = this.#load(node, fd, Number(host.uid));
    const unsettled = isSettled(ctimeNs)
      ? null
      : { changes, untilMs: performance.now() + UNSETTLED_MS };
    node.stat = { stat, ctimeNs, unsettled };
    return stat;
  }

  #isUsable({ unsettled }: KnownStat): boolean {
    if (unsettled === null) return true;
    return unsettled.changes === changes && performance.now() < unsettled.untilMs;
  }

  #load(node: RealNode, fd: number, hostUid: number): VirtualStat {
    return this.#stats.load(fd, node.identity.key, this.#owners.hostUids.has(hostUid));
  }

  #save(node: RealNode, fd: number, stat: VirtualStat, isNew = false): void {
    node.stat = null;
    if (!isNew) changes++;
    this.#stats.save(fd, node.identity.key, stat, isNew);
  }

  change(node: RealNode, change: AttributeChange, handle: RealHandle | null): void {
    const fd = this.#nodes.fd(node);
    if (change.sizeBytes !== undefined) truncate(fd, change.sizeBytes, handle);
    if (change.uid !== undefined || change.gid !== undefined || change.mode !== undefined) {
      this.#remember(node, fd, change);
    }
    if (change.atimeNs !== undefined || change.mtimeNs !== undefined) {
      const atime = change.isAtimeNow === true ? 'now' : (change.atimeNs ?? null);
      setTimes(fd, atime, change.isMtimeNow === true ? 'now' : (change.mtimeNs ?? null));
    }
  }

  /** Sets what the host file may have and remembers the rest. */
  #remember(node: RealNode, fd: number, change: OwnerAndMode): void {
    const host = fstatSync(fd);
    this.#note({ node, fd, host, before: this.#load(node, fd, host.uid), isNew: false }, change);
  }

  #note({ node, fd, host, before, isNew }: NotedFile, change: OwnerAndMode): void {
    const shown = presentMode(host.mode, before);
    const next: { -readonly [K in keyof VirtualStat]: VirtualStat[K] } = { ...before };
    const isLink = (host.mode & S_IFMT) === S_IFLNK;
    let hostMode = host.mode & PERMISSION_BITS;
    if (change.uid !== undefined) next.uid = change.uid;
    if (change.gid !== undefined) next.gid = change.gid;
    if (change.mode !== undefined && !isLink) {
      const wanted = (shown & S_IFMT) | (change.mode & PERMISSION_BITS);
      const isDirectory = (host.mode & S_IFMT) === S_IFDIR;
      const isVirtualType = (shown & S_IFMT) !== (host.mode & S_IFMT);
      const forHost = withoutMask(wanted, change.groupPermissions);
      const permissions = isVirtualType ? 0o600 : hostPermissions(forHost, isDirectory);
      hostMode = permissions;
      const isExact = permissions === (wanted & PERMISSION_BITS) && !isVirtualType;
      next.mode = isExact ? null : wanted;
      next.hostMode = isExact ? 0 : permissions;
    }
    const setMode = () => {
      if ((host.mode & PERMISSION_BITS) !== hostMode) chmodSync(descriptorPath(fd), hostMode);
    };
    // A file without its owner's right to write cannot get an extended attribute.
    if ((host.mode & OWNER_WRITE) === 0) setMode();
    this.#save(node, fd, next, isNew);
    if ((host.mode & OWNER_WRITE) !== 0) setMode();
  }

  /**
   * Sets owner and mode of a new file. The group comes from a set-group-id directory, as on Linux.
   * @param mode  Undefined for symbolic links.
   */
  made(node: RealNode, parent: RealNode, mode: number | undefined, caller: Caller): void {
    // The inode number may be that of a deleted file.
    this.#stats.drop(node.identity.key);
    const around = this.read(parent);
    const gid = (around.mode & S_ISGID) !== 0 ? around.gid : caller.gid;
    const { user } = this.#owners;
    const fd = this.#nodes.fd(node);
    const host = fstatSync(fd, { bigint: true });
    const shown = presentAttributes(host, NO_VIRTUAL_STAT, this.#owners);
    const change = {
      ...(caller.uid === shown.uid && caller.uid === user.uid ? {} : { uid: caller.uid }),
      ...(gid === shown.gid && gid === user.gid ? {} : { gid }),
      ...(mode === undefined ? {} : { mode }),
    };
    if (Object.keys(change).length === 0) return;
    const file = { node, fd, host: { mode: Number(host.mode) }, before: NO_VIRTUAL_STAT };
    this.#note({ ...file, isNew: true }, change);
  }

  /** Makes a file a device, FIFO or socket in the guest, whose kernel does the rest. On the host it is an empty file. */
  makeVirtual(node: RealNode, mode: number, rdev: number): void {
    const fd = this.#nodes.fd(node);
    chmodSync(descriptorPath(fd), 0o600);
    const before = this.#load(node, fd, fstatSync(fd).uid);
    this.#save(node, fd, { ...before, mode, rdev, hostMode: 0o600 });
  }

  /** Forgets the virtual stat of a file whose last name is gone. */
  unlinked(node: RealNode): void {
    this.#stats.drop(node.identity.key);
  }
}

function truncate(fd: number, sizeBytes: number, handle: RealHandle | null): void {
  const own = handle === null ? openRegular(fd, O_RDWR) : null;
  try {
    ftruncateSync(own?.fd ?? handle?.fd ?? -1, sizeBytes);
  } finally {
    if (own !== null) closeDescriptors(own);
  }
}
