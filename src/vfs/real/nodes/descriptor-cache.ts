import { closeSync } from 'node:fs';
import { closeUnlinked } from '../descriptors/slow-calls.ts';
import type { RealNode } from './real-node.ts';

const MIN_HELD = 16;

/** The descriptors of a mount's nodes: a bounded cache, from which those that were not used for longest go first. */
export class DescriptorCache {
  /** Nodes that a name leads to, the least recently used first. */
  readonly #named = new Set<RealNode>();
  /** Those without a name: they cannot be found again, and have room of their own. */
  readonly #unlinked = new Set<RealNode>();
  readonly #max: () => number;

  /** @param max  Descriptors to keep of either kind, at least 16; asked each time. */
  constructor(max: () => number) {
    this.#max = max;
  }

  /** This one was used just now. */
  touch(node: RealNode): void {
    this.#named.delete(node);
    this.#unlinked.delete(node);
    // The root is held until the end: everything is found from it.
    if (node.parent === null) return;
    const queue = node.isUnlinked ? this.#unlinked : this.#named;
    queue.add(node);
    this.#trim(queue, node);
  }

  #trim(queue: ReadonlySet<RealNode>, kept: RealNode | null): void {
    const limit = Math.max(MIN_HELD, this.#max());
    for (const oldest of queue) {
      if (queue.size <= limit || oldest === kept) return;
      this.close(oldest);
    }
  }

  /** Gives up descriptors after the limit sank. */
  trim(): void {
    this.#trim(this.#named, null);
    this.#trim(this.#unlinked, null);
  }

  close(node: RealNode): void {
    this.#named.delete(node);
    this.#unlinked.delete(node);
    if (node.fd !== -1) (node.isUnlinked ? closeUnlinked : closeSync)(node.fd);
    node.fd = -1;
  }

  /** The root's aside, which its owner closes. */
  closeAll(): void {
    for (const node of [...this.#named, ...this.#unlinked]) this.close(node);
  }
}
