import type { BigIntStats } from 'node:fs';
import { S_IFMT } from '../../file-mode.ts';
import type { KnownStat } from '../attributes/virtual-stat.ts';
import type { ProtectedTree } from './guard.ts';

/**
 * Identifies one inode, also after it was closed: a file system reuses the number of a deleted file for a new one, which has
 * a later birth time (or another type, where birth times are unknown).
 */
export interface NodeIdentity {
  /** `dev:ino:birthNs`. */
  readonly key: string;
  readonly dev: bigint;
  readonly ino: bigint;
  /** Birth time; 0 where the file system has none. */
  readonly birthNs: bigint;
  /** S_IFMT part of st_mode. */
  readonly type: number;
}

/** One host inode that the guest knows. `parent` and `name` are the place where it was last seen. */
export interface RealNode {
  /** Changes only for the root of a volume that is one file, when the host replaces that file. */
  identity: NodeIdentity;
  parent: RealNode | null;
  name: string;
  /** True for a node of a saved machine that was not found yet. */
  isRestored: boolean;
  /** O_PATH descriptor, or -1 while evicted. */
  fd: number;
  /** Time at which it was last seen inside the mount, in ms of `performance.now()`. */
  seenAtMs: number;
  /** Owner and mode when last read; null before. */
  stat: KnownStat | null;
  guard: ProtectedTree | null;
  /** True when its last name is gone: it cannot be found again, so its descriptor is among the last to be evicted. */
  isUnlinked: boolean;
  /** True when the server holds it and will forget it; other nodes are dropped by the caller that looked them up. */
  isGiven: boolean;
  /** Descriptors of its open handles; null before the first, since most nodes are never opened. */
  handles: Set<number> | null;
}

/** Returns the text form of device, inode number and birth time. */
export function identityKey({
  dev,
  ino,
  birthNs,
}: Pick<NodeIdentity, 'dev' | 'ino' | 'birthNs'>): string {
  return `${dev}:${ino}:${birthNs}`;
}

export function toIdentity({ dev, ino, birthtimeNs: birthNs, mode }: BigIntStats): NodeIdentity {
  return {
    key: identityKey({ dev, ino, birthNs }),
    dev,
    ino,
    birthNs,
    type: Number(mode) & S_IFMT,
  };
}

export function isSameInode(one: NodeIdentity, other: NodeIdentity): boolean {
  return one.key === other.key && one.type === other.type;
}
