import { ERRNO } from '../../protocol/errno.ts';
import { RENAME_EXCHANGE, S_IFDIR, S_IFMT } from '../file-mode.ts';
import { entryBatches } from '../listing/entry-batches.ts';
import type { DirectoryEntry, VfsNode, VfsProvider } from '../provider.ts';
import { toErrno, VfsError } from '../vfs-error.ts';
import { assertMovable } from './assert-movable.ts';
import type { CopyUp } from './copy-up.ts';
import { stampOf } from './lower-stamp.ts';
import { isDirectory, linkCount, type OverlayNode } from './overlay-node.ts';
import type { OverlayNodes } from './overlay-nodes.ts';

/** The file to which a name leads. The node counts one use, which the finder ends. */
interface FoundName {
  readonly node: OverlayNode;
  /** True when the upper layer has the name. */
  readonly isUpper: boolean;
}

/** Returns what a name of a layer leads to; null for nothing. */
export async function lookupOrNull(
  layer: VfsProvider,
  directory: VfsNode | null,
  name: string,
): Promise<VfsNode | null> {
  if (directory === null) return null;
  try {
    return await layer.lookup(directory, name);
  } catch (error) {
    if (toErrno(error) === ERRNO.ENOENT) return null;
    throw error;
  }
}

/**
 * Names in an overlay. A name of the upper layer comes first; one of the lower layer is shown unless its directory hides it.
 * Changes must not overlap.
 */
export class OverlayNames {
  readonly #nodes: OverlayNodes;
  readonly #copies: CopyUp;

  constructor(nodes: OverlayNodes, copies: CopyUp) {
    this.#nodes = nodes;
    this.#copies = copies;
  }

  /** Returns what a name leads to, in use until `unuse`; null for nothing. */
  async find(parent: OverlayNode, name: string): Promise<FoundName | null> {
    const { upper, lower } = this.#nodes;
    // Read before anything is awaited: a file that is copied meanwhile hides its lower name, and is found by that.
    const lowerParent = parent.isGone || parent.hidden.has(name) ? null : parent.lower;
    const above = await lookupOrNull(upper, parent.upper, name);
    const known = above === null ? undefined : this.#nodes.ofUpper(above);
    if (known !== undefined) return this.#found(known, true, parent, name);
    const below = await lookupOrNull(lower, lowerParent, name);
    if (above === null && below === null) return null;
    const isMerged = above !== null && below !== null && (await this.#areDirectories(above, below));
    if (above !== null && below !== null && !isMerged && this.#nodes.ofLower(below) === undefined) {
      lower.forget(below);
    }
    const node = await this.#nodes.enter(above, above === null || isMerged ? below : null);
    return this.#found(node, above !== null, parent, name);
  }

  async #areDirectories(above: VfsNode, below: VfsNode): Promise<boolean> {
    const { upper, lower } = this.#nodes;
    const modes = [await upper.attributes(above), await lower.attributes(below)];
    return modes.every(({ mode }) => (mode & S_IFMT) === S_IFDIR);
  }

  #found(node: OverlayNode, isUpper: boolean, parent: OverlayNode, name: string): FoundName {
    node.uses++;
    this.#nodes.placed(node, parent, name);
    return { node, isUpper };
  }

  /** @throws {VfsError} ENOENT, ENOTDIR */
  async lookup(parent: OverlayNode, name: string): Promise<OverlayNode> {
    assertDirectory(parent);
    const found = await this.find(parent, name);
    if (found === null) throw new VfsError('ENOENT');
    const { node } = found;
    node.isGiven = true;
    this.#nodes.unuse(node);
    return node;
  }

  /** Lists the upper layer's names, then those of the lower one that it does not have and that are not hidden. */
  async *list(directory: OverlayNode): AsyncGenerator<DirectoryEntry[], void> {
    const above = directory.place?.parent ?? directory;
    yield [{ name: '..', type: S_IFDIR, ino: above.ino, device: above.device }];
    if (directory.isGone) return;
    const { upper, lower } = this.#nodes;
    const { upper: own, lower: below } = directory;
    // As they are now: a file that is copied meanwhile would be hidden below, and was not yet seen above.
    const notBelow = new Set(directory.hidden.keys());
    if (own !== null) {
      for await (const batch of entryBatches(await upper.entries(own))) {
        const entries = batch.filter(({ name }) => name !== '..');
        for (const { name } of entries) notBelow.add(name);
        // Their numbers are those of the layer where they were found first.
        yield entries.map(({ name, type }) => ({ name, type }));
      }
    }
    if (below === null) return;
    for await (const batch of entryBatches(await lower.entries(below))) {
      yield batch
        .filter(({ name }) => name !== '..' && !notBelow.has(name))
        .map((entry) => ({ ...entry, device: this.#nodes.device('lower', entry.device) }));
    }
  }

  async #assertEmpty(directory: OverlayNode): Promise<void> {
    for await (const batch of this.list(directory)) {
      if (batch.some(({ name }) => name !== '..')) throw new VfsError('ENOTEMPTY');
    }
  }

  /** Calls `work` with what a name leads to. @throws {VfsError} ENOENT */
  async using<T>(
    parent: OverlayNode,
    name: string,
    work: (found: FoundName) => Promise<T>,
  ): Promise<T> {
    assertDirectory(parent);
    const found = await this.find(parent, name);
    if (found === null) throw new VfsError('ENOENT');
    try {
      return await work(found);
    } finally {
      this.#nodes.unuse(found.node);
    }
  }

  /** Makes a new name in the upper layer. @throws {VfsError} EEXIST, ENOENT in a directory that was removed. */
  async make<T extends { readonly node: VfsNode }>(
    parent: OverlayNode,
    name: string,
    create: (directory: VfsNode) => Promise<T>,
  ): Promise<{ readonly node: OverlayNode; readonly made: T }> {
    await this.#assertFree(parent, name);
    const directory = await this.#copies.copy(parent);
    const made = await create(directory);
    const node = await this.#nodes.enter(made.node, null);
    this.#nodes.placed(node, parent, name);
    node.isGiven = true;
    return { node, made };
  }

  async #assertFree(parent: OverlayNode, name: string): Promise<void> {
    assertDirectory(parent);
    const found = await this.find(parent, name);
    if (found === null) return;
    this.#nodes.unuse(found.node);
    throw new VfsError('EEXIST');
  }

  async link(node: OverlayNode, parent: OverlayNode, name: string): Promise<void> {
    await this.#assertFree(parent, name);
    if (isDirectory(node)) throw new VfsError('EPERM');
    if (node.isGone) throw new VfsError('ENOENT');
    const directory = await this.#copies.copy(parent);
    await this.#nodes.upper.link(await this.#copies.copy(node), directory, name);
    this.#nodes.placed(node, parent, name);
  }

  async unlink(parent: OverlayNode, name: string): Promise<void> {
    await this.using(parent, name, async ({ node, isUpper }) => {
      if (isDirectory(node)) throw new VfsError('EISDIR');
      await this.#remove(parent, name, isUpper, (directory) =>
        this.#nodes.upper.unlink(directory, name),
      );
      await this.#removed(node, parent, name);
    });
  }

  async removeDirectory(parent: OverlayNode, name: string): Promise<void> {
    await this.using(parent, name, async ({ node, isUpper }) => {
      assertDirectory(node);
      await this.#assertEmpty(node);
      await this.#remove(parent, name, isUpper, (directory) =>
        this.#nodes.upper.removeDirectory(directory, name),
      );
      await this.#removed(node, parent, name);
    });
  }

  async #remove(
    parent: OverlayNode,
    name: string,
    isUpper: boolean,
    inUpper: (directory: VfsNode) => unknown,
  ): Promise<void> {
    this.#nodes.assertHidable();
    const directory = await this.#copies.copy(parent);
    await this.#hide(parent, name);
    if (isUpper) {
      await inUpper(directory);
      return;
    }
    const now = BigInt(Date.now()) * 1_000_000n;
    await this.#nodes.upper.setAttributes(directory, { mtimeNs: now, isMtimeNow: true }, null);
  }

  /** Hides a name if the lower directory has it. */
  async #hide(parent: OverlayNode, name: string): Promise<void> {
    if (parent.hidden.has(name)) return;
    const { lower } = this.#nodes;
    const below = await lookupOrNull(lower, parent.lower, name);
    if (below === null) return;
    const stamp = stampOf(await lower.attributes(below));
    const known = this.#nodes.ofLower(below);
    if (known === undefined) lower.forget(below);
    this.#nodes.hide(parent, name, known, stamp);
  }

  /** Notes that a name of a node is gone, perhaps its last one. */
  async #removed(node: OverlayNode, parent: OverlayNode, name: string): Promise<void> {
    node.isGone = isDirectory(node) || (await this.links(node)) === 0;
    this.#nodes.unplaced(node, parent, name);
  }

  /** Returns the number of names of a file. */
  async links(node: OverlayNode): Promise<number> {
    const { upper, lower } = this.#nodes;
    const layer = node.upper === null ? lower : upper;
    const { nlink } = await layer.attributes((node.upper ?? node.lower) as VfsNode);
    return linkCount(node, nlink);
  }

  /** Gives the upper layer the name of a node that is to move. */
  async #raise({ node, isUpper }: FoundName, parent: OverlayNode, name: string): Promise<void> {
    if (isUpper) return;
    if (node.upper === null) {
      await this.#copies.copy(node);
      return;
    }
    const directory = await this.#copies.copy(parent);
    await this.#nodes.upper.link(node.upper, directory, name);
    await this.#hide(parent, name);
  }

  /** @param flags of renameat2(2). */
  async rename(
    parent: OverlayNode,
    name: string,
    newParent: OverlayNode,
    newName: string,
    flags: number,
  ): Promise<void> {
    assertDirectory(newParent);
    await this.using(parent, name, async (from) => {
      const to = await this.find(newParent, newName);
      try {
        assertMovable(from.node, to?.node ?? null, { parent, newParent, flags });
        if (from.node === to?.node) return;
        await this.#move(from, to, [parent, name], [newParent, newName], flags);
      } finally {
        if (to !== null) this.#nodes.unuse(to.node);
      }
    });
  }

  async #move(
    from: FoundName,
    to: FoundName | null,
    [parent, name]: readonly [OverlayNode, string],
    [newParent, newName]: readonly [OverlayNode, string],
    flags: number,
  ): Promise<void> {
    const isExchange = (flags & RENAME_EXCHANGE) !== 0;
    if (to !== null && !isExchange && isDirectory(to.node)) await this.#assertEmpty(to.node);
    this.#nodes.assertHidable();
    const directory = await this.#copies.copy(parent);
    const newDirectory = await this.#copies.copy(newParent);
    // `find` gave both their places, so each is copied where it is.
    await this.#raise(from, parent, name);
    if (to !== null && isExchange) await this.#raise(to, newParent, newName);
    const own = isExchange ? RENAME_EXCHANGE : 0;
    await this.#nodes.upper.rename(directory, name, newDirectory, newName, own);
    // Until here the name of the upper layer came first.
    await this.#hide(newParent, newName);
    this.#nodes.placed(from.node, newParent, newName);
    if (to === null) return;
    if (isExchange) this.#nodes.placed(to.node, parent, name);
    else await this.#removed(to.node, newParent, newName);
  }
}

function assertDirectory(node: OverlayNode): void {
  if (!isDirectory(node)) throw new VfsError('ENOTDIR');
}
