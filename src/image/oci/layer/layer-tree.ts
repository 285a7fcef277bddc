import { readLayerMark, splitEntryPath } from './entry-path.ts';
import type { LayerEntry } from './layer-entry.ts';
import { entryRefused, layerRefused } from './layer-error.ts';
import { LAYER_LIMITS } from './limits.ts';

/** A file, directory or other thing of the finished tree. Several names of the tree may share one. */
export interface LayerInode extends Omit<LayerEntry, 'type' | 'name'> {
  readonly type: Exclude<LayerEntry['type'], 'link'>;
  /** Number of the layer and of the entry in it that has the content; -1 for a directory that no layer describes. */
  readonly layer: number;
  readonly entry: number;
}

/** A name in the tree. Only a directory has children. */
export interface LayerNode {
  inode: LayerInode;
  readonly children: Map<string, LayerNode> | null;
  /** The last layer that described it or something below it. */
  layer: number;
}

const IMPLIED_DIRECTORY: LayerInode = {
  ...{ type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0, linkName: '' },
  ...{ major: 0, minor: 0, attributes: new Map(), layer: -1, entry: -1 },
};

/**
 * The tree that layers make one over the other, as names and metadata without content. Nothing of it touches the host's
 * file system: a link is followed in this tree only, and `..` at its root stays there, as in a container.
 */
export class LayerTree {
  readonly root: LayerNode = { inode: IMPLIED_DIRECTORY, children: new Map(), layer: -1 };
  #nodes = 0;
  #entries = 0;
  #attributesBytes = 0;
  readonly #limits: { readonly [K in keyof typeof LAYER_LIMITS]: number };

  /** @param limits  Those of a test. */
  constructor(limits: { readonly [K in keyof typeof LAYER_LIMITS]: number } = LAYER_LIMITS) {
    this.#limits = limits;
  }

  /**
   * Applies the next entry. Layers come in their order, and entries in that of their archive.
   * @throws {GondolinError} IMAGE_LAYER_INVALID naming the entry.
   */
  apply(entry: LayerEntry, layer: number, index: number): void {
    this.#entries += 1;
    if (this.#entries > this.#limits.entries) {
      throw layerRefused(`it has more than ${this.#limits.entries} entries`);
    }
    const attributes = this.#keepAttributes(entry);
    const parts = splitEntryPath(entry.name);
    const last = parts.pop();
    if (last === undefined) {
      this.#describeRoot(entry, { layer, entry: index, attributes });
      return;
    }
    const mark = readLayerMark(last, entry.name);
    if (mark.kind === 'skipped') return;
    if (mark.kind !== 'none') {
      const parent = this.#findDirectory(parts);
      if (parent === null) return;
      if (mark.kind === 'opaque') this.#removeOlder(parent, layer);
      else this.#whiteOut(parent, mark.name, layer);
      return;
    }
    const parent = this.#enter(parts, entry.name, layer);
    if (entry.type === 'link') {
      const target = this.#linkTarget(entry);
      if (parent.children?.get(last)?.inode === target) return;
      this.#put(parent, last, target, layer);
    } else {
      checkSymlink(entry);
      this.#put(
        parent,
        last,
        toInode(entry, entry.type, { layer, entry: index, attributes }),
        layer,
      );
    }
  }

  /**
   * Makes a directory of root's, with those above it, unless it is there.
   * @param path  UTF-8, absolute.
   * @throws {GondolinError} IMAGE_LAYER_INVALID where something else is in its way.
   */
  ensureDirectory(path: string): void {
    const name = Buffer.from(path, 'utf8').toString('latin1');
    this.#enter(splitEntryPath(name), name, this.root.layer);
  }

  #describeRoot(entry: LayerEntry, more: InodePlace): void {
    if (entry.type !== 'directory') throw entryRefused(entry.name, 'is not a directory');
    this.root.inode = toInode(entry, 'directory', more);
    this.root.layer = more.layer;
  }

  /** Those that a guest may use; the others are about the machine that made the image, or about overlayfs. */
  #keepAttributes(entry: LayerEntry): ReadonlyMap<string, Buffer> {
    if (entry.attributes.size === 0) return entry.attributes;
    const kept = [...entry.attributes].filter(([name]) => isKeptAttribute(name));
    for (const [name, value] of kept) this.#attributesBytes += name.length + value.length;
    if (this.#attributesBytes > this.#limits.allAttributesBytes) {
      throw entryRefused(entry.name, 'brings too many extended attributes');
    }
    return new Map(kept);
  }

  #linkTarget(entry: LayerEntry): LayerInode {
    const parts = splitEntryPath(entry.linkName, entry.name);
    const last = parts.pop();
    const parent = this.#findDirectory(parts);
    const target = last === undefined ? undefined : parent?.children?.get(last);
    if (target === undefined) throw entryRefused(entry.name, 'links to a name that does not exist');
    if (target.children !== null) throw entryRefused(entry.name, 'links to a directory');
    return target.inode;
  }

  #put(parent: LayerNode, name: string, inode: LayerInode, layer: number): void {
    const existing = parent.children?.get(name);
    if (existing?.children != null && inode.type === 'directory') {
      existing.inode = inode;
      existing.layer = layer;
      return;
    }
    if (existing !== undefined) this.#drop(existing);
    const children = inode.type === 'directory' ? new Map<string, LayerNode>() : null;
    this.#nodes += 1;
    if (this.#nodes > this.#limits.nodes) {
      throw layerRefused(`it has more than ${this.#limits.nodes} files`);
    }
    parent.children?.set(name, { inode, children, layer });
  }

  #drop(node: LayerNode): void {
    this.#nodes -= 1;
    for (const child of node.children?.values() ?? []) this.#drop(child);
  }

  #whiteOut(parent: LayerNode, name: string, layer: number): void {
    const node = parent.children?.get(name);
    if (node === undefined) return;
    // Wherever it is in the archive, it affects the layers below only.
    if (node.layer === layer) {
      this.#removeOlder(node, layer);
      return;
    }
    this.#drop(node);
    parent.children?.delete(name);
  }

  /** Removes what earlier layers put into a directory. */
  #removeOlder(directory: LayerNode, layer: number): void {
    for (const [name, node] of directory.children ?? []) {
      if (node.layer === layer) {
        this.#removeOlder(node, layer);
      } else {
        this.#drop(node);
        directory.children?.delete(name);
      }
    }
  }

  /** The directory of a path, made where it is missing. */
  #enter(parts: readonly string[], entryName: string, layer: number): LayerNode {
    const walk = new Walk(this.root, parts);
    for (let part = walk.next(); part !== undefined; part = walk.next()) {
      const at = walk.directory;
      if (at.children?.get(part) === undefined) this.#put(at, part, IMPLIED_DIRECTORY, layer);
      const problem = walk.step(part);
      if (problem !== null) throw entryRefused(entryName, problem);
    }
    for (const node of walk.path) node.layer = layer;
    return walk.directory;
  }

  /** The directory of a path; null where there is none. */
  #findDirectory(parts: readonly string[]): LayerNode | null {
    const walk = new Walk(this.root, parts);
    for (let part = walk.next(); part !== undefined; part = walk.next()) {
      if (walk.directory.children?.get(part) === undefined || walk.step(part) !== null) return null;
    }
    return walk.directory;
  }
}

/** One way through the tree, along symbolic links. */
class Walk {
  readonly path: LayerNode[];
  readonly #left: string[];
  #followed = 0;

  constructor(root: LayerNode, parts: readonly string[]) {
    this.path = [root];
    this.#left = parts.toReversed();
  }

  get directory(): LayerNode {
    const last = this.path.at(-1);
    if (last === undefined) throw new Error('a walk never leaves the root');
    return last;
  }

  /** The next name to step to; `..` of links is done here. */
  next(): string | undefined {
    for (let part = this.#left.pop(); part !== undefined; part = this.#left.pop()) {
      if (part !== '..') return part;
      if (this.path.length > 1) this.path.pop();
    }
    return undefined;
  }

  /** Enters a name that exists. @returns why it is not possible, or null. */
  step(part: string): string | null {
    const node = this.directory.children?.get(part);
    if (node?.inode.type === 'symlink') return this.#follow(node.inode.linkName);
    if (node?.children == null) return `is below ${JSON.stringify(part)}, which is not a directory`;
    this.path.push(node);
    return null;
  }

  #follow(target: string): string | null {
    this.#followed += 1;
    if (this.#followed > LAYER_LIMITS.linksFollowed) return 'is below a circle of symbolic links';
    if (target.startsWith('/')) this.path.splice(1);
    const parts = target.split('/').filter((part) => part !== '' && part !== '.');
    this.#left.push(...parts.toReversed());
    return null;
  }
}

type InodePlace = Pick<LayerInode, 'layer' | 'entry' | 'attributes'>;

/** Field by field: half a million of them are made of a large image, and a spread takes five times as long. */
function toInode(entry: LayerEntry, type: LayerInode['type'], place: InodePlace): LayerInode {
  const { mode, uid, gid, size, mtime, linkName, major, minor } = entry;
  const { layer, entry: number, attributes } = place;
  // biome-ignore format: one line
  return { type, mode, uid, gid, size, mtime, linkName, major, minor, attributes, layer, entry: number };
}

function checkSymlink({ type, name, linkName }: LayerEntry): void {
  if (type !== 'symlink') return;
  const { length } = linkName;
  if (length === 0 || length >= LAYER_LIMITS.pathBytes || linkName.includes('\0')) {
    throw entryRefused(name, `is a symbolic link with a target of ${length} bytes`);
  }
}

/** squashfs holds these classes only; `trusted.overlay.` would change what overlayfs shows. */
function isKeptAttribute(name: string): boolean {
  if (name.startsWith('trusted.')) return !name.startsWith('trusted.overlay.');
  return name.startsWith('user.') || name === 'security.capability';
}
