import type { ExtendedAttributes, VfsNode } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import type { OverlayNode } from './overlay-node.ts';
import type { OverlayNodes } from './overlay-nodes.ts';

/** Extended attributes of an overlay whose upper layer has them. */
export class OverlayAttributes implements ExtendedAttributes {
  readonly #nodes: OverlayNodes;
  readonly #upper: ExtendedAttributes;
  readonly #copy: (node: OverlayNode) => Promise<VfsNode>;

  /** @param copy  Returns the node in the upper layer, where it puts it. */
  constructor(
    nodes: OverlayNodes,
    upper: ExtendedAttributes,
    copy: (node: OverlayNode) => Promise<VfsNode>,
  ) {
    this.#nodes = nodes;
    this.#upper = upper;
    this.#copy = copy;
  }

  async get({ upper, lower }: OverlayNode, name: string): Promise<Buffer | null> {
    if (upper !== null) return this.#upper.get(upper, name);
    const { extendedAttributes } = this.#nodes.lower;
    return (await extendedAttributes?.get(lower as VfsNode, name)) ?? null;
  }

  async list({ upper, lower }: OverlayNode): Promise<readonly string[]> {
    if (upper !== null) return this.#upper.list(upper);
    return (await this.#nodes.lower.extendedAttributes?.list(lower as VfsNode)) ?? [];
  }

  async set(node: OverlayNode, name: string, value: Buffer, flags: number): Promise<void> {
    const kept = Buffer.from(value);
    await this.#upper.set(await this.#copy(node), name, kept, flags);
  }

  async remove(node: OverlayNode, name: string): Promise<void> {
    if ((await this.get(node, name)) === null) throw new VfsError('ENODATA');
    await this.#upper.remove(await this.#copy(node), name);
  }
}

/** Copies the extended attributes of a file that is copied to the upper layer, if both layers have them. */
export async function copyAttributes(
  { upper, lower }: OverlayNodes,
  from: VfsNode,
  to: VfsNode,
): Promise<void> {
  const [source, target] = [lower.extendedAttributes, upper.extendedAttributes];
  if (source === undefined || target === undefined) return;
  for (const name of await source.list(from)) {
    const value = await source.get(from, name);
    if (value !== null) await target.set(to, name, value, 0);
  }
}
