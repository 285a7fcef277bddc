import type { BigIntStats } from 'node:fs';
import type { Guard } from './guard.ts';
import type { VirtualStat } from './virtual-stat.ts';

/** One host inode that the guest knows. `parent` and `name` are where it was seen last. */
export interface RealNode {
  /** `dev:ino`. */
  readonly key: string;
  readonly dev: bigint;
  readonly ino: bigint;
  parent: RealNode | null;
  name: string;
  /** When the inode was made (0: unknown): tells it from a later one with its number. */
  readonly birthNs: bigint;
  readonly isDirectory: boolean;
  /** Comes from a saved machine and was not found yet. */
  isRestored: boolean;
  /** O_PATH descriptor, or -1 while evicted. */
  fd: number;
  stat: VirtualStat | null;
  guard: Guard | null;
  /** Its last name is gone: it cannot be found by name any more, so its descriptor is among the last to be evicted. */
  isUnlinked: boolean;
  /** The server knows it and will forget it; others are dropped by whoever looked them up. */
  isGiven: boolean;
  /** Descriptors of its open handles; null before the first: most nodes are never opened. */
  handles: Set<number> | null;
}

/** What tells one inode from all others, also after it was closed. */
export type NodeIdentity = Pick<RealNode, 'dev' | 'ino' | 'birthNs' | 'isDirectory'>;

export function nodeKey({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}:${ino}`;
}

/** Text form of what tells one inode from all others: `dev:ino:birthNs`. */
export function identityKey({
  dev,
  ino,
  birthNs,
}: Pick<NodeIdentity, 'dev' | 'ino' | 'birthNs'>): string {
  return `${dev}:${ino}:${birthNs}`;
}

export function identityOf(stat: BigIntStats): NodeIdentity {
  const { dev, ino, birthtimeNs } = stat;
  return { dev, ino, birthNs: birthtimeNs, isDirectory: stat.isDirectory() };
}

/**
 * True when `stat` is of that node. A file system gives the number of a deleted file to a new one: a node from a saved
 * machine, which no descriptor has kept alive since, is told from that by its birth.
 */
export function isSame(node: RealNode, stat: BigIntStats): boolean {
  if (node.dev !== stat.dev || node.ino !== stat.ino) return false;
  return (
    !node.isRestored ||
    (node.birthNs === stat.birthtimeNs && node.isDirectory === stat.isDirectory())
  );
}
