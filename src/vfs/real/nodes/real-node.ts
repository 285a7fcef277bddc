import type { BigIntStats } from 'node:fs';
import { S_IFMT } from '../../file-mode.ts';
import type { KnownStat } from '../attributes/virtual-stat.ts';
import type { Guard } from './guard.ts';

/**
 * Tells one inode from all others, also after it was closed: a file system gives the number of a deleted file to a new
 * one, which was born later (or is of another type, where births are unknown).
 */
export interface NodeIdentity {
  /** `dev:ino:birthNs`. */
  readonly key: string;
  readonly dev: bigint;
  readonly ino: bigint;
  /** When the inode was made; 0 where the file system does not tell. */
  readonly birthNs: bigint;
  /** S_IFMT part of st_mode. */
  readonly type: number;
}

/** One host inode that the guest knows. `parent` and `name` are where it was seen last. */
export interface RealNode {
  /** Of a volume's root that is a file: changes when the host puts another file in its place. */
  identity: NodeIdentity;
  parent: RealNode | null;
  name: string;
  /** Comes from a saved machine and was not found yet. */
  isRestored: boolean;
  /** O_PATH descriptor, or -1 while evicted. */
  fd: number;
  /** When it was last found to lie in the mount, in ms of `performance.now()`. */
  seenAtMs: number;
  /** Owner and mode as they were read last; null before. */
  stat: KnownStat | null;
  guard: Guard | null;
  /** Its last name is gone: it cannot be found by name any more, so its descriptor is among the last to be evicted. */
  isUnlinked: boolean;
  /** The server knows it and will forget it; others are dropped by whoever looked them up. */
  isGiven: boolean;
  /** Descriptors of its open handles; null before the first: most nodes are never opened. */
  handles: Set<number> | null;
}

/** Text form of device, inode number and birth. */
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
