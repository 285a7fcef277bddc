import { NINE_BITS, O_RDONLY, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../file-mode.ts';
import { entryBatches } from '../listing/entry-batches.ts';
import type { Attributes, VfsNode, VfsProvider } from '../provider.ts';
import { hasSameAttributes } from './layer-attributes.ts';
import { type LowerStamp, stampOf } from './lower-stamp.ts';
import type { OverlayFile } from './overlay-file.ts';
import type { OverlayNames } from './overlay-names.ts';
import { lookupOrNull } from './overlay-names.ts';
import { isDirectory, type OverlayNode } from './overlay-node.ts';
import type { OverlayNodes } from './overlay-nodes.ts';

const CHUNK_BYTES = 1024 * 1024;
/** Bits of a mode that are compared: owners are virtual, and the rest is not of a host file. */
const COMPARED_BITS = NINE_BITS;

/** One path that the lower layer does not have, or has otherwise. */
export interface LayerChange {
  /** Below the root, names as `latin1` text, with `/`. */
  readonly path: string;
  readonly kind: 'added' | 'modified' | 'deleted';
  /** The file that the guest sees at the path, or saw there before it deleted it. */
  readonly file: OverlayFile;
  /** Stamp of what the lower layer had when the guest parted from it; null for what it does not have. */
  readonly base: LowerStamp | null;
  /** The lower layer has changed since. */
  readonly isStale: boolean;
}

/** Returns the type of a file as people call it. */
export function changeType({
  attributes: { mode },
}: Pick<OverlayFile, 'attributes'>): 'file' | 'directory' | 'symlink' | 'special' {
  const type = mode & S_IFMT;
  if (type === S_IFREG) return 'file';
  if (type === S_IFDIR) return 'directory';
  return type === S_IFLNK ? 'symlink' : 'special';
}

/** Reads a file of a layer in pieces, which are only valid until the next one. */
export async function* readLayerFile({ layer, node }: OverlayFile): AsyncGenerator<Buffer, void> {
  const handle = await layer.open(node, O_RDONLY);
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let offset = 0; ; ) {
      const bytes = await layer.read(handle, chunk, offset);
      if (bytes > 0) yield chunk.subarray(0, bytes);
      offset += bytes;
      if (bytes < chunk.length) return;
    }
  } finally {
    await layer.release(handle);
  }
}

async function hasSameContent(one: OverlayFile, other: OverlayFile): Promise<boolean> {
  const [a, b] = [readLayerFile(one), readLayerFile(other)];
  try {
    for (;;) {
      const [left, right] = [await a.next(), await b.next()];
      if (left.done === true || right.done === true) return left.done === right.done;
      if (!left.value.equals(right.value)) return false;
    }
  } finally {
    await a.return();
    await b.return();
  }
}

/** A directory of the overlay, and what the lower layer has at the same path. */
interface Pair {
  readonly view: OverlayNode;
  readonly below: VfsNode | null;
  readonly path: string;
}

/** Finds what differs between an overlay and its lower layer. Only directories that the upper layer knows are looked at. */
export class OverlayChanges {
  readonly #nodes: OverlayNodes;
  readonly #names: OverlayNames;

  constructor(nodes: OverlayNodes, names: OverlayNames) {
    this.#nodes = nodes;
    this.#names = names;
  }

  /** Yields the changes, each directory before what is in it; what was replaced by another type is deleted first. */
  async *all(): AsyncGenerator<LayerChange, void> {
    const { root } = this.#nodes;
    yield* this.#directory({ view: root, below: root.lower, path: '' });
  }

  async *#directory({ view, below, path }: Pair): AsyncGenerator<LayerChange, void> {
    for (const name of (await this.#candidates(view, below)).toSorted()) {
      yield* this.#compare({ view, below, path }, name);
    }
  }

  /** The names that may differ: of a directory that shows its own lower one, those of the upper layer and those that are hidden. */
  async #candidates(view: OverlayNode, below: VfsNode | null): Promise<string[]> {
    const { upper, lower } = this.#nodes;
    const names = new Set<string>();
    const add = async (layer: VfsProvider, directory: VfsNode | null) => {
      if (directory === null) return;
      for await (const batch of entryBatches(await layer.entries(directory))) {
        for (const { name } of batch) names.add(name);
      }
    };
    await add(upper, view.upper);
    const showsOwn = view.lower === below;
    if (showsOwn) for (const name of view.hidden.keys()) names.add(name);
    if (!showsOwn || this.#nodes.hasSharedCopies) {
      await add(lower, below);
      for await (const batch of this.#names.list(view))
        for (const { name } of batch) names.add(name);
    }
    names.delete('..');
    return [...names];
  }

  async *#compare({ view, below, path }: Pair, name: string): AsyncGenerator<LayerChange, void> {
    const { lower } = this.#nodes;
    const lowerNode = await lookupOrNull(lower, below, name);
    const inner = path === '' ? name : `${path}/${name}`;
    const parted = view.lower === below ? (view.hidden.get(name) ?? null) : null;
    try {
      const old = lowerNode === null ? null : await this.#lowerFile(lowerNode);
      const found = await this.#names.find(view, name);
      if (found === null) {
        if (old !== null) yield* this.#deleted(old, inner, parted);
        return;
      }
      try {
        yield* this.#present(found.node, old, inner, parted);
      } finally {
        this.#nodes.unuse(found.node);
      }
    } finally {
      if (lowerNode !== null && this.#nodes.ofLower(lowerNode) === undefined) {
        lower.forget(lowerNode);
      }
    }
  }

  async #lowerFile(node: VfsNode): Promise<OverlayFile> {
    const { lower: layer } = this.#nodes;
    return { layer, node, attributes: await layer.attributes(node) };
  }

  async #viewed({ upper, lower }: OverlayNode): Promise<OverlayFile> {
    const layer = upper === null ? this.#nodes.lower : this.#nodes.upper;
    const node = (upper ?? lower) as VfsNode;
    return { layer, node, attributes: await layer.attributes(node) };
  }

  async *#present(
    node: OverlayNode,
    old: OverlayFile | null,
    path: string,
    parted: LowerStamp | null,
  ): AsyncGenerator<LayerChange, void> {
    const file = await this.#viewed(node);
    const isSameType = old !== null && typeOf(old) === typeOf(file);
    if (old !== null && !isSameType) yield* this.#deleted(old, path, parted);
    if (old === null || !isSameType) {
      yield { path, kind: 'added', file, base: null, isStale: false };
    } else if (await this.#differs(file, old)) {
      const now = stampOf(old.attributes);
      // A directory changes whenever something is made in it: only its type counts.
      const isStale = !isDirectory(node) && parted !== null && !isSame(parted, now);
      yield { path, kind: 'modified', file, base: parted ?? now, isStale };
    }
    if (isDirectory(node)) {
      yield* this.#directory({ view: node, below: isSameType ? old.node : null, path });
    }
  }

  async #differs(file: OverlayFile, old: OverlayFile): Promise<boolean> {
    if (file.node === old.node) return false;
    const [own, before] = [file.attributes, old.attributes];
    const type = typeOf(file);
    if (type === S_IFLNK) {
      const target = await file.layer.readLink(file.node);
      return !target.equals(await old.layer.readLink(old.node));
    }
    if ((own.mode & COMPARED_BITS) !== (before.mode & COMPARED_BITS)) return true;
    if (type !== S_IFREG && type !== S_IFDIR) return false;
    if (this.#nodes.hasAttributes && !(await hasSameAttributes(file, old))) return true;
    if (type !== S_IFREG) return false;
    return own.sizeBytes !== before.sizeBytes || !(await hasSameContent(file, old));
  }

  /** A deleted directory with all that the lower layer has in it, as the guest saw it when it deleted it. */
  async *#deleted(
    file: OverlayFile,
    path: string,
    parted: LowerStamp | null,
    isInside = false,
  ): AsyncGenerator<LayerChange, void> {
    const now = stampOf(file.attributes);
    const isDirectoryNow = typeOf(file) === S_IFDIR;
    const isLater = parted !== null && isChangedAfter(file.attributes, parted.atMs);
    const isOther = parted !== null && !isInside && !isSame(parted, now);
    // What is in a deleted directory has no stamp of its own: a change after the deletion tells.
    const isStale = !isDirectoryNow && (isInside ? isLater : isOther);
    const base = isInside || parted === null ? now : parted;
    yield { path, kind: 'deleted', file, base, isStale };
    if (!isDirectoryNow) return;
    const { layer, node } = file;
    const names: string[] = [];
    for await (const batch of entryBatches(await layer.entries(node))) {
      names.push(...batch.map(({ name }) => name).filter((name) => name !== '..'));
    }
    for (const name of names.toSorted()) {
      const inner = await lookupOrNull(layer, node, name);
      if (inner === null) continue;
      try {
        const child = await this.#lowerFile(inner);
        yield* this.#deleted(child, `${path}/${name}`, parted, true);
      } finally {
        if (this.#nodes.ofLower(inner) === undefined) layer.forget(inner);
      }
    }
  }
}

function typeOf({ attributes }: OverlayFile): number {
  return attributes.mode & S_IFMT;
}

function isSame(one: LowerStamp, other: LowerStamp): boolean {
  return one.text === other.text;
}

function isChangedAfter({ ctimeNs }: Attributes, atMs: number): boolean {
  return Number(ctimeNs / 1_000_000n) > atMs;
}
