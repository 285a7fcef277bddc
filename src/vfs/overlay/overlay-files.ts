import { O_RDONLY, S_IFREG } from '../file-mode.ts';
import { entryBatches } from '../listing/entry-batches.ts';
import type { MaybePromise, VfsNode, VfsProvider } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import type { OverlayHandle, OverlayNode } from './overlay-node.ts';
import type { OverlayNodes } from './overlay-nodes.ts';

/** Open files of an overlay. One that was opened in the lower layer continues in the upper one once the file is copied. */
export class OverlayFiles {
  readonly #nodes: OverlayNodes;

  constructor(nodes: OverlayNodes) {
    this.#nodes = nodes;
  }

  /** True when a directory of the upper layer has entries. */
  async hasEntries(directory: VfsNode): Promise<boolean> {
    for await (const batch of entryBatches(await this.#nodes.upper.entries(directory))) {
      if (batch.some(({ name }) => name !== '..')) return true;
    }
    return false;
  }

  /** Opens a file where it is now. To write it must be in the upper layer. */
  async open(node: OverlayNode, flags: number): Promise<OverlayHandle> {
    if (node.type !== S_IFREG) throw new VfsError('EACCES');
    const { upper, lower } = this.#nodes;
    node.uses++;
    try {
      if (node.upper !== null) {
        return this.#made(node, true, await upper.open(node.upper, flags));
      }
      return this.#made(node, false, await lower.open(node.lower as VfsNode, flags));
    } catch (error) {
      this.#nodes.unuse(node);
      throw error;
    }
  }

  /** Adds a file that its layer has opened. */
  add(node: OverlayNode, isUpper: boolean, handle: object): OverlayHandle {
    node.uses++;
    return this.#made(node, isUpper, handle);
  }

  #made(node: OverlayNode, isUpper: boolean, handle: object): OverlayHandle {
    return { node, inner: { isUpper, handle }, change: null };
  }

  /** Calls an operation of the layer that has the open file. */
  async use<T>(
    handle: OverlayHandle,
    operation: (layer: VfsProvider, inner: object) => MaybePromise<T>,
  ): Promise<T> {
    const { upper, lower } = this.#nodes;
    if (!handle.inner.isUpper && handle.node.upper !== null) {
      handle.change ??= this.#raise(handle, handle.node.upper);
      await handle.change;
    }
    const { isUpper, handle: inner } = handle.inner;
    return operation(isUpper ? upper : lower, inner);
  }

  async #raise(handle: OverlayHandle, node: VfsNode): Promise<void> {
    const before = handle.inner.handle;
    const opened = await this.#nodes.upper.open(node, O_RDONLY);
    handle.inner = { isUpper: true, handle: opened };
    await this.#nodes.lower.release(before);
  }

  async release(handle: OverlayHandle): Promise<void> {
    const { upper, lower } = this.#nodes;
    await handle.change?.catch(() => undefined);
    const { isUpper, handle: inner } = handle.inner;
    try {
      await (isUpper ? upper : lower).release(inner);
    } finally {
      this.#nodes.unuse(handle.node);
    }
  }
}
