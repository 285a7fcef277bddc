import { S_IFDIR } from '../file-mode.ts';
import type { VfsNode } from '../provider.ts';
import type { LowerStamp } from './lower-stamp.ts';

/** A file or directory of an overlay: in the lower layer until the guest changes it, in the upper one from then on. */
export interface OverlayNode {
  /** File type bits. */
  readonly type: number;
  /** Number and device that the guest sees: those of the layer where it was found first. */
  readonly ino: bigint;
  readonly device: bigint;
  upper: VfsNode | null;
  /** Stays known after a copy: a directory shows what is in both, and other names of a file lead to it. */
  readonly lower: VfsNode | null;
  /** Names that the file has in the lower layer, when it was found. */
  readonly lowerLinks: number;
  /** Those of them that are hidden. */
  hiddenLinks: number;
  /** Names of the lower directory that it does not show: deleted, moved away, or replaced. With what they led to then, if it is known. */
  readonly hidden: Map<string, LowerStamp | null>;
  /** The name that led to it last, null for the root and after that name was removed. */
  place: { readonly parent: OverlayNode; readonly name: string } | null;
  /** True once its last name was removed. */
  isGone: boolean;
  /** True when the server holds it and will forget it. */
  isGiven: boolean;
  /** Operations and open files that use it, and nodes whose place is in it. */
  uses: number;
}

/** One open file. */
export interface OverlayHandle {
  readonly node: OverlayNode;
  /** The open file of the layer: another one after the file was copied to the upper layer. */
  inner: { readonly isUpper: boolean; readonly handle: object };
  /** The change to the upper layer's file, while it is made. */
  change: Promise<void> | null;
}

export function isDirectory({ type }: OverlayNode): boolean {
  return type === S_IFDIR;
}

/** True when `node` is `directory` or lies below it. */
export function isBelowOrSame(node: OverlayNode, directory: OverlayNode): boolean {
  for (let at: OverlayNode | null = node; at !== null; at = at.place?.parent ?? null) {
    if (at === directory) return true;
  }
  return false;
}

/** Names of a file that are left: those of the upper layer, and those of the lower one that are not hidden. */
export function linkCount({ upper, lowerLinks, hiddenLinks }: OverlayNode, own: number): number {
  const below = Math.max(0, lowerLinks - hiddenLinks);
  return upper === null ? Math.max(0, own - hiddenLinks) : own + below;
}
