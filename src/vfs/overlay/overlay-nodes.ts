import { S_IFDIR, S_IFMT } from '../file-mode.ts';
import type { Attributes, VfsNode, VfsProvider } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import { type LowerStamp, readStamp } from './lower-stamp.ts';
import { isDirectory, type OverlayNode } from './overlay-node.ts';

/** Most names of all directories of one overlay that are hidden; above it nothing more can be deleted. */
export const MAX_HIDDEN = 500_000;

/** Device numbers of layers whose files have none, different for each overlay of this process. */
let nextDevice = -1n;

/** A device number as it is saved: those of this process mean nothing to another one. */
export type SavedDevice = string;

/** A node of a saved machine, with what the layers have restored of it. */
interface RestoredNode
  extends Pick<OverlayNode, 'type' | 'upper' | 'lower' | 'lowerLinks' | 'hiddenLinks' | 'isGone'> {
  readonly ino: string;
  readonly device: SavedDevice;
  readonly parent: OverlayNode | null;
  readonly name: string;
  readonly hidden: readonly string[];
  /** Stamps of the hidden names; none in machines that were saved without. */
  readonly stamps: readonly string[];
}

/** The layer in which a node was found, and where. */
interface Found {
  readonly upper: VfsNode | null;
  readonly lower: VfsNode | null;
  readonly attributes: Attributes;
}

/**
 * The nodes of one overlay, one for each file of a layer. A node is dropped when nothing uses it, unless only it knows what the
 * layers do not: which lower directory a directory of the upper layer shows, and that names of a file are hidden.
 */
export class OverlayNodes {
  readonly upper: VfsProvider;
  readonly lower: VfsProvider;
  readonly #byUpper = new Map<VfsNode, OverlayNode>();
  readonly #byLower = new Map<VfsNode, OverlayNode>();
  /** Numbers of files that were copied, by their node of the upper layer, as long as that layer knows the node. */
  readonly #origins = new WeakMap<VfsNode, Pick<OverlayNode, 'ino' | 'device'>>();
  readonly #devices = { upper: nextDevice--, lower: nextDevice-- };
  #root: OverlayNode | null = null;
  #hiddenCount = 0;

  constructor(upper: VfsProvider, lower: VfsProvider) {
    this.upper = upper;
    this.lower = lower;
  }

  /** True between the start of its mount and its end. */
  get isStarted(): boolean {
    return this.#root !== null;
  }

  /** True when both layers keep extended attributes: without those of the lower one nobody knows what the guest changed. */
  get hasAttributes(): boolean {
    return [this.upper, this.lower].every((layer) => layer.extendedAttributes !== undefined);
  }

  get root(): OverlayNode {
    if (this.#root === null) throw new VfsError('ESTALE');
    return this.#root;
  }

  async start(upper: VfsNode, lower: VfsNode): Promise<OverlayNode> {
    const attributes = await this.lower.attributes(lower);
    this.#root = this.#add({ upper, lower, attributes });
    return this.#root;
  }

  /** Drops everything when the mount ends. */
  clear(): void {
    this.#byUpper.clear();
    this.#byLower.clear();
    this.#root = null;
  }

  ofUpper(node: VfsNode): OverlayNode | undefined {
    return this.#byUpper.get(node);
  }

  ofLower(node: VfsNode): OverlayNode | undefined {
    return this.#byLower.get(node);
  }

  /** Returns the device that identifies the numbers of a layer. */
  device(layer: 'upper' | 'lower', own: bigint | undefined): bigint {
    return own ?? this.#devices[layer];
  }

  /** Returns the node of what a layer was found to have; the same one for the same file. */
  async enter(upper: VfsNode | null, lower: VfsNode | null): Promise<OverlayNode> {
    const known = () =>
      (upper === null ? undefined : this.#byUpper.get(upper)) ??
      (lower === null || upper !== null ? undefined : this.#byLower.get(lower));
    const before = known();
    if (before !== undefined) return before;
    const attributes =
      upper !== null
        ? await this.upper.attributes(upper)
        : await this.lower.attributes(lower as VfsNode);
    return known() ?? this.#add({ upper, lower, attributes });
  }

  #add({ upper, lower, attributes }: Found): OverlayNode {
    const type = attributes.mode & S_IFMT;
    const isLower = upper === null || (type === S_IFDIR && lower !== null);
    const own = upper === null ? undefined : this.#origins.get(upper);
    const node: OverlayNode = {
      type,
      ino: own?.ino ?? attributes.ino,
      device: own?.device ?? this.device(isLower ? 'lower' : 'upper', attributes.device),
      ...{ upper, lower, hiddenLinks: 0, hidden: new Map(), place: null },
      lowerLinks: type === S_IFDIR || lower === null ? 0 : attributes.nlink,
      ...{ isGone: false, isGiven: false, uses: 0 },
    };
    if (upper !== null) this.#byUpper.set(upper, node);
    if (lower !== null) this.#byLower.set(lower, node);
    return node;
  }

  /** True when a file was copied of which the lower layer shows another name: any directory may have that. */
  get hasSharedCopies(): boolean {
    for (const { upper, lowerLinks, hiddenLinks, isGone } of this.#byLower.values()) {
      if (upper !== null && !isGone && lowerLinks > hiddenLinks) return true;
    }
    return false;
  }

  /** All nodes, some twice. */
  *all(): Generator<OverlayNode, void> {
    yield* this.#byUpper.values();
    yield* this.#byLower.values();
  }

  savedDevice(device: bigint): SavedDevice {
    if (device === this.#devices.upper) return 'upper';
    return device === this.#devices.lower ? 'lower' : `${device}`;
  }

  /** Gives the root what a saved one had hidden. */
  restoreRoot(saved: Pick<RestoredNode, 'hidden' | 'stamps'>): OverlayNode {
    this.#restoreHidden(this.root, saved);
    return this.root;
  }

  /** Adds a node of a saved machine. */
  restore(saved: RestoredNode): OverlayNode {
    const { type, upper, lower, lowerLinks, hiddenLinks, isGone, parent, name, device } = saved;
    const own = device === 'upper' || device === 'lower' ? this.#devices[device] : BigInt(device);
    const node: OverlayNode = {
      ...{ type, ino: BigInt(saved.ino), device: own, upper, lower, lowerLinks, hiddenLinks },
      ...{
        hidden: new Map<string, LowerStamp | null>(),
        place: null,
        isGone,
        isGiven: false,
        uses: 0,
      },
    };
    if (upper !== null) this.made(node, upper);
    if (lower !== null) this.#byLower.set(lower, node);
    if (parent !== null) this.placed(node, parent, name);
    this.#restoreHidden(node, saved);
    return node;
  }

  #restoreHidden(
    node: OverlayNode,
    { hidden, stamps }: Pick<RestoredNode, 'hidden' | 'stamps'>,
  ): void {
    for (const [at, name] of hidden.entries()) {
      this.hide(node, name, undefined, readStamp(stamps[at] ?? ''));
    }
  }

  /** Notes that a node of the upper layer is that of `node`, from when it is made there. */
  made(node: OverlayNode, upper: VfsNode): void {
    this.#byUpper.set(upper, node);
    this.#origins.set(upper, { ino: node.ino, device: node.device });
  }

  /** Takes back `made`. */
  unmade(upper: VfsNode): void {
    this.#byUpper.delete(upper);
    this.upper.forget(upper);
  }

  /** Notes the name that led to a node. */
  placed(node: OverlayNode, parent: OverlayNode, name: string): void {
    const before = node.place?.parent;
    if (node === this.#root) return;
    parent.uses++;
    node.place = { parent, name };
    if (before !== undefined) this.unuse(before);
  }

  /** Notes that a name is removed. It may be the one that is known of the node. */
  unplaced(node: OverlayNode, parent: OverlayNode, name: string): void {
    if (node.place?.parent !== parent || node.place.name !== name) return;
    node.place = null;
    this.unuse(parent);
  }

  /** @throws {VfsError} ENOSPC when no more names can be hidden. */
  assertHidable(): void {
    if (this.#hiddenCount >= MAX_HIDDEN) throw new VfsError('ENOSPC');
  }

  /**
   * Hides a name of the lower directory, which has it.
   * @param file  The node of that name, if it is known.
   * @param stamp  What the lower layer has there, if it is known.
   */
  hide(
    directory: OverlayNode,
    name: string,
    file: OverlayNode | undefined,
    stamp: LowerStamp | null,
  ): void {
    if (directory.hidden.has(name)) return;
    directory.hidden.set(name, stamp);
    this.#hiddenCount++;
    if (file !== undefined && !isDirectory(file)) file.hiddenLinks++;
  }

  /** Ends one use of a node. */
  unuse(node: OverlayNode): void {
    node.uses--;
    this.dropUnused(node);
  }

  /** Drops a node that nothing needs. */
  dropUnused(node: OverlayNode): void {
    if (node.isGiven || node.uses > 0 || node === this.#root || this.#isMemory(node)) return;
    this.#hiddenCount -= node.hidden.size;
    node.hidden.clear();
    if (node.upper !== null && this.#byUpper.get(node.upper) === node) {
      this.#byUpper.delete(node.upper);
      this.upper.forget(node.upper);
    }
    if (node.lower !== null && this.#byLower.get(node.lower) === node) {
      this.#byLower.delete(node.lower);
      this.lower.forget(node.lower);
    }
    const parent = node.place?.parent;
    node.place = null;
    if (parent !== undefined) this.unuse(parent);
  }

  /** True when only the node knows what it shows. */
  #isMemory({ upper, lower, isGone, lowerLinks, hiddenLinks, type }: OverlayNode): boolean {
    if (isGone || lower === null) return false;
    if (type === S_IFDIR) return upper !== null;
    return hiddenLinks > 0 && lowerLinks > hiddenLinks;
  }
}
