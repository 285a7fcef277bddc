import { closeSync } from 'node:fs';
import { closeUnlinked } from '../descriptors/slow-calls.ts';
import type { RealNode } from './real-node.ts';

const MIN_HELD = 16;

/** Bounded cache of the descriptors of a mount's nodes. The least recently used are closed first. */
export class DescriptorCache {
  /** Nodes with a name, the least recently used first. */
  readonly #named = new Set<RealNode>();
  /** Nodes without a name, which cannot be found again: they have a limit of their own. */
  readonly #unlinked = new Set<RealNode>();
  readonly #max: () => number;

  /** @param max  Returns how many descriptors of each kind may be kept (at least 16 are); called each time. */
  constructor(max: () => number) {
    this.#max = max;
  }

  /** Marks a node as just used. */
  touch(node: RealNode): void {
    this.#named.delete(node);
    this.#unlinked.delete(node);
    // The root's descriptor is kept until the end: every other node is found from it.
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

  /** Closes descriptors above the limit after it shrank. */
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

  /** Closes all descriptors but the root's, which its owner closes. */
  closeAll(): void {
    for (const node of [...this.#named, ...this.#unlinked]) this.close(node);
  }
}
