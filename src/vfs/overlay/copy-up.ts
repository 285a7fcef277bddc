import { withGroup } from '../acl/node-acls.ts';
import { ACL_ACCESS } from '../acl/posix-acl.ts';
import {
  GROUP_BITS,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  PERMISSION_BITS,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../file-mode.ts';
import type { Attributes, VfsHandle, VfsNode } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import { stampOf } from './lower-stamp.ts';
import { copyAttributes } from './overlay-attributes.ts';
import { isDirectory, type OverlayNode } from './overlay-node.ts';
import type { OverlayNodes } from './overlay-nodes.ts';

const CHUNK_BYTES = 1024 * 1024;
const NOTHING = Buffer.alloc(CHUNK_BYTES);

/** Where a copy is made: null for a file without a name. */
interface Target {
  readonly directory: VfsNode;
  readonly name: string;
}

/** A copy that is being made. */
interface Made {
  readonly node: VfsNode;
  readonly handle: VfsHandle | null;
}

/**
 * Copies files and directories of the lower layer to the upper one, with owner, mode, times and the directories above them. One
 * at a time: the caller serialises changes.
 */
export class CopyUp {
  readonly #nodes: OverlayNodes;
  #unnamed = 0;

  constructor(nodes: OverlayNodes) {
    this.#nodes = nodes;
  }

  /**
   * Returns the node in the upper layer.
   * @param options.isEmptied  The content is not copied, because the file is truncated to nothing.
   */
  async copy(node: OverlayNode, { isEmptied = false } = {}): Promise<VfsNode> {
    if (node.upper !== null) return node.upper;
    const { lower } = node;
    if (lower === null) throw new VfsError('ESTALE');
    const { place } = node;
    if (place === null) return this.#copyUnnamed(node, lower, isEmptied);
    if (node.isGone) throw new VfsError('ENOENT');
    this.#nodes.assertHidable();
    const { parent, name } = place;
    const directory = await this.copy(parent);
    // Read first: an edit of the host during the copy counts as one after it.
    const stamp = stampOf(await this.#nodes.lower.attributes(lower));
    const copy = await this.#keepingTimes(directory, () =>
      this.#copyTo({ directory, name }, node, lower, isEmptied),
    );
    node.upper = copy;
    this.#nodes.hide(parent, name, node, stamp);
    return copy;
  }

  /** A file whose name was removed while it is open: its copy has none either. */
  async #copyUnnamed(node: OverlayNode, lower: VfsNode, isEmptied: boolean): Promise<VfsNode> {
    const directory = this.#nodes.root.upper;
    if (isDirectory(node) || directory === null) throw new VfsError('ENOENT');
    const name = `.gondolin-unnamed-${process.pid}-${this.#unnamed++}`;
    node.upper = await this.#keepingTimes(directory, async () => {
      const copy = await this.#copyTo({ directory, name }, node, lower, isEmptied);
      await this.#nodes.upper.unlink(directory, name);
      return copy;
    });
    return node.upper;
  }

  /** A copy is no change of the directory: its times stay. */
  async #keepingTimes<T>(directory: VfsNode, work: () => Promise<T>): Promise<T> {
    const { upper } = this.#nodes;
    const { mtimeNs, atimeNs } = await upper.attributes(directory);
    const result = await work();
    await upper.setAttributes(directory, { mtimeNs, atimeNs }, null);
    return result;
  }

  async #copyTo(
    target: Target,
    node: OverlayNode,
    lower: VfsNode,
    isEmptied: boolean,
  ): Promise<VfsNode> {
    const attributes = await this.#nodes.lower.attributes(lower);
    const mode = await this.#firstMode(lower, attributes.mode);
    const made = await this.#make(target, node.type, lower, { ...attributes, mode });
    // A lookup meanwhile finds the file that is being copied, not a part of it.
    this.#nodes.made(node, made.node);
    try {
      if (made.handle !== null) await this.#fill(made.handle, isEmptied ? null : lower, made.node);
      await copyAttributes(this.#nodes, lower, made.node);
      await this.#finish(made.node, attributes);
      return made.node;
    } catch (error) {
      await this.#undo(target, node, made);
      throw error;
    }
  }

  /** Returns the mode to make a copy with: until it has its access list the group gets nothing, since its bits are the mask. */
  async #firstMode(lower: VfsNode, mode: number): Promise<number> {
    if (this.#nodes.upper.extendedAttributes === undefined) return mode;
    const list = await this.#nodes.lower.extendedAttributes?.get(lower, ACL_ACCESS);
    return list == null ? mode : mode & ~GROUP_BITS;
  }

  async #undo({ directory, name }: Target, node: OverlayNode, { node: copy }: Made): Promise<void> {
    const { upper } = this.#nodes;
    try {
      if (isDirectory(node)) await upper.removeDirectory(directory, name);
      else await upper.unlink(directory, name);
    } finally {
      this.#nodes.unmade(copy);
    }
  }

  async #make(
    { directory, name }: Target,
    type: number,
    lower: VfsNode,
    { uid, gid, mode, rdev }: Attributes,
  ): Promise<Made> {
    const { upper } = this.#nodes;
    const owner = { uid, gid };
    const permissions = mode & PERMISSION_BITS;
    switch (type) {
      case S_IFDIR: {
        const node = await upper.makeDirectory(directory, name, permissions, owner);
        return { node, handle: null };
      }
      case S_IFLNK: {
        const link = await this.#nodes.lower.readLink(lower);
        return { node: await upper.makeSymlink(directory, name, link, owner), handle: null };
      }
      case S_IFREG: {
        const file = { mode: permissions, rdev: 0, flags: O_RDWR | O_EXCL };
        return upper.create(directory, name, file, owner);
      }
      default: {
        const node = await upper.makeNode(directory, name, { mode, rdev }, owner);
        return { node, handle: null };
      }
    }
  }

  /** Writes the content of a copy, and closes it. @param lower  Null for no content. */
  async #fill(target: VfsHandle, lower: VfsNode | null, node: VfsNode): Promise<void> {
    try {
      if (lower !== null) await this.#copyContent(lower, target, node);
    } finally {
      await this.#nodes.upper.release(target);
    }
  }

  async #copyContent(lower: VfsNode, target: VfsHandle, node: VfsNode): Promise<void> {
    const { upper, lower: source } = this.#nodes;
    const from = await source.open(lower, O_RDONLY);
    try {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      let offset = 0;
      for (;;) {
        const bytes = await source.read(from, chunk, offset);
        const part = chunk.subarray(0, bytes);
        // Holes stay holes.
        if (!part.equals(NOTHING.subarray(0, bytes))) await upper.write(target, part, offset, true);
        offset += bytes;
        if (bytes < chunk.length) break;
      }
      await upper.setAttributes(node, { sizeBytes: offset }, target);
    } finally {
      await source.release(from);
    }
  }

  /** Sets what a layer sets by itself when a file is made. */
  async #finish(node: VfsNode, wanted: Attributes): Promise<void> {
    const { upper } = this.#nodes;
    const own = await upper.attributes(node);
    const { uid, gid, mode, atimeNs, mtimeNs } = wanted;
    const isOwned = own.uid === uid && own.gid === gid;
    const isLink = (mode & S_IFMT) === S_IFLNK;
    const change = {
      ...(isOwned ? {} : { uid, gid }),
      ...(own.mode === mode || isLink ? {} : { mode: mode & PERMISSION_BITS }),
      ...{ atimeNs, mtimeNs },
    };
    const held = { node, mount: { provider: upper } };
    await upper.setAttributes(node, await withGroup(held, change), null);
  }
}
