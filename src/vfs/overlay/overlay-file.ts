import type { Attributes, VfsNode, VfsProvider } from '../provider.ts';

/** A file in one of the layers. */
export interface OverlayFile {
  readonly layer: VfsProvider;
  readonly node: VfsNode;
  readonly attributes: Attributes;
}
