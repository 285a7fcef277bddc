import { GondolinError } from '../../errors/gondolin-error.ts';
import type { ProviderSnapshot } from '../provider.ts';
import { refuseState } from '../snapshot/read-state.ts';
import { VfsError } from '../vfs-error.ts';
import type { MemoryAttributes } from './memory-attributes.ts';
import { type MemoryState, readMemoryState, type SavedInode } from './memory-state.ts';
import type { MemoryHandle, MemoryNode, MemoryTree } from './memory-tree.ts';

/** Most content of one mount in a saved machine. */
const MAX_CONTENT_BYTES = 64 * 2 ** 20;

/** Returns the inodes below `root` with their index, each directory before its entries. */
function walk(root: MemoryNode): Map<MemoryNode, number> {
  const places = new Map<MemoryNode, number>([[root, 0]]);
  // Iterating a map includes the entries added meanwhile.
  for (const node of places.keys()) {
    for (const child of node.children?.values() ?? []) {
      if (!places.has(child)) places.set(child, places.size);
    }
  }
  return places;
}

function saveInode(node: MemoryNode, places: ReadonlyMap<MemoryNode, number>): SavedInode {
  const { ino, mode, uid, gid, rdev, atimeNs, mtimeNs, ctimeNs } = node;
  const parts = [...(node.content?.parts() ?? [])];
  return {
    ino: `${ino}`,
    mode,
    uid,
    gid,
    rdev,
    times: [atimeNs, mtimeNs, ctimeNs].map(String),
    sizeBytes: node.content?.sizeBytes ?? 0,
    parts: parts.map(([offset, bytes]) => [offset, bytes.toString('base64')] as const),
    target: node.target?.toString('base64') ?? '',
    attributes: [...(node.attributes ?? [])].map(
      ([name, value]) => [name, value.toString('base64')] as const,
    ),
    children: [...(node.children ?? [])].map(([name, child]) => [name, places.get(child) ?? 0]),
  };
}

/** Saves and restores a memory file system with its contents. */
export class MemorySnapshot implements ProviderSnapshot {
  readonly #tree: MemoryTree;
  readonly #attributes: MemoryAttributes;

  constructor(tree: MemoryTree, attributes: MemoryAttributes) {
    this.#tree = tree;
    this.#attributes = attributes;
  }

  save(nodes: readonly MemoryNode[], handles: readonly MemoryHandle[]): MemoryState {
    const places = walk(this.#tree.root);
    // Files without a name that the guest still uses.
    for (const node of [...nodes, ...handles.map((handle) => handle.node)]) {
      if (!places.has(node)) places.set(node, places.size);
    }
    let bytes = 0;
    for (const { content, attributes } of places.keys()) {
      bytes += content?.allocatedBytes ?? 0;
      for (const value of attributes?.values() ?? []) bytes += value.length;
    }
    if (bytes > MAX_CONTENT_BYTES) {
      const [mib, most] = [Math.ceil(bytes / 2 ** 20), MAX_CONTENT_BYTES / 2 ** 20];
      throw new GondolinError('SNAPSHOT_UNSUPPORTED', `it holds ${mib} MiB of at most ${most}`);
    }
    return {
      nextIno: `${this.#tree.nextIno}`,
      inodes: [...places.keys()].map((node) => saveInode(node, places)),
      nodes: nodes.map((node) => places.get(node) ?? 0),
      handles: handles.map(({ node, flags }) => [places.get(node) ?? 0, flags]),
    };
  }

  /** Replaces everything in the file system. */
  restore(untrusted: unknown): { nodes: MemoryNode[]; handles: MemoryHandle[] } {
    const state = readMemoryState(untrusted);
    this.#tree.clear(BigInt(state.nextIno));
    try {
      const inodes = state.inodes.map((saved, place) => this.#make(saved, place));
      this.#link(state.inodes, inodes);
      const at = (place: number) => inodes[place] ?? this.#tree.root;
      return {
        nodes: state.nodes.map((place) => Object.assign(at(place), { isGiven: true })),
        handles: state.handles.map(([place, flags]) => {
          const node = at(place);
          node.openHandles++;
          return { node, flags };
        }),
      };
    } catch (error) {
      if (error instanceof VfsError) throw refuseState(`memory files (${error.message})`);
      throw error;
    }
  }

  #make(saved: SavedInode, place: number): MemoryNode {
    const { root } = this.#tree;
    const owner = { uid: saved.uid, gid: saved.gid };
    const kind = { rdev: saved.rdev, target: Buffer.from(saved.target, 'base64') };
    const node =
      place === 0
        ? Object.assign(root, owner, { mode: saved.mode })
        : this.#tree.restore(BigInt(saved.ino), saved.mode, owner, kind);
    for (const [name, value] of saved.attributes) {
      this.#attributes.set(node, name, Buffer.from(value, 'base64'), 0);
    }
    for (const [offset, text] of saved.parts) {
      node.content?.write(Buffer.from(text, 'base64'), offset);
    }
    node.content?.truncate(saved.sizeBytes);
    return node;
  }

  #link(saved: readonly SavedInode[], inodes: readonly MemoryNode[]): void {
    for (const [place, { children }] of saved.entries()) {
      for (const [name, childPlace] of children) {
        const [parent, child] = [inodes[place], inodes[childPlace]];
        if (parent === undefined || child === undefined) throw refuseState('place of a file');
        this.#tree.attach(parent, name, child);
      }
    }
    for (const [place, node] of inodes.entries()) {
      const isNamed = node.children === null ? node.nlink > 0 : node.parent !== null;
      if (!isNamed && place > 0) this.#tree.detached(node);
      // Last, because attaching changes the times.
      const [atimeNs = 0n, mtimeNs = 0n, ctimeNs = 0n] = (saved[place]?.times ?? []).map(BigInt);
      Object.assign(node, { atimeNs, mtimeNs, ctimeNs });
    }
  }
}
