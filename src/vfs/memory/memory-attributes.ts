import type { ExtendedAttributes } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import { attributeBytes, type MemoryBudget } from './memory-budget.ts';
import type { MemoryNode, MemoryTree } from './memory-tree.ts';

const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
/** XATTR_LIST_MAX of linux/limits.h: names of one file. */
const MAX_LIST_BYTES = 65_536;

/** Extended attributes of files in memory. */
export class MemoryAttributes implements ExtendedAttributes {
  readonly #tree: MemoryTree;
  readonly #budget: MemoryBudget;

  constructor(tree: MemoryTree, budget: MemoryBudget) {
    this.#tree = tree;
    this.#budget = budget;
  }

  get({ attributes }: MemoryNode, name: string): Buffer | null {
    return attributes?.get(name) ?? null;
  }

  list({ attributes }: MemoryNode): string[] {
    return [...(attributes?.keys() ?? [])];
  }

  /** @throws {VfsError} EEXIST, ENODATA, ENOSPC */
  set(node: MemoryNode, name: string, value: Buffer, flags: number): void {
    const before = node.attributes?.get(name);
    if (before !== undefined && flags === XATTR_CREATE) throw new VfsError('EEXIST');
    if (before === undefined && flags === XATTR_REPLACE) throw new VfsError('ENODATA');
    if (before === undefined) assertListed(node, name);
    this.#budget.take(attributeBytes(name, value));
    if (before !== undefined) this.#budget.give(attributeBytes(name, before));
    node.attributes ??= new Map();
    node.attributes.set(name, Buffer.from(value));
    this.#tree.changed(node);
  }

  /** @throws {VfsError} ENODATA */
  remove(node: MemoryNode, name: string): void {
    const before = node.attributes?.get(name);
    if (before === undefined) throw new VfsError('ENODATA');
    this.#budget.give(attributeBytes(name, before));
    node.attributes?.delete(name);
    this.#tree.changed(node);
  }
}

function assertListed({ attributes }: MemoryNode, name: string): void {
  let bytes = name.length + 1;
  for (const other of attributes?.keys() ?? []) bytes += other.length + 1;
  if (bytes > MAX_LIST_BYTES) throw new VfsError('ENOSPC');
}
