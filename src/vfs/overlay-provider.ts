import { GondolinError } from '../errors/gondolin-error.ts';
import { withGroup } from './acl/node-acls.ts';
import { O_ACCMODE, O_EXCL, O_TRUNC, PERMISSION_BITS, S_IFDIR, S_IFMT } from './file-mode.ts';
import { CopyUp } from './overlay/copy-up.ts';
import { copyAttributes, OverlayAttributes } from './overlay/overlay-attributes.ts';
import { changeType, type LayerChange, OverlayChanges } from './overlay/overlay-changes.ts';
import { OverlayFiles } from './overlay/overlay-files.ts';
import { OverlayNames } from './overlay/overlay-names.ts';
import type { OverlayHandle, OverlayNode } from './overlay/overlay-node.ts';
import { linkCount } from './overlay/overlay-node.ts';
import { OverlayNodes } from './overlay/overlay-nodes.ts';
import { OverlaySnapshot } from './overlay/overlay-snapshot.ts';
import type {
  AttributeChange,
  Attributes,
  Caller,
  DirectoryEntry,
  ExtendedAttributes,
  FileSystemStatus,
  MaybePromise,
  NewNode,
  NodePlace,
  ProviderSnapshot,
  VfsNode,
  VfsProvider,
} from './provider.ts';
import { ReadonlyProvider } from './readonly-provider.ts';
import { VfsError } from './vfs-error.ts';

/**
 * One path of an overlay that the lower layer does not have, or has otherwise.
 *
 * @example
 * const isSource = ({ kind, path }: OverlayChange) => kind !== 'deleted' && path.endsWith('.js');
 */
export interface OverlayChange {
  /** Below the top, with `/` and without one at its beginning. Bytes that are not UTF-8 are U+FFFD. */
  readonly path: string;
  /** `modified`: content, target, permissions or extended attributes are others. */
  readonly kind: 'added' | 'modified' | 'deleted';
  /** `special`: a socket, FIFO or device. */
  readonly type: 'file' | 'directory' | 'symlink' | 'special';
  /** Permission bits, 0..0o7777; of what was deleted, those that it had. */
  readonly mode: number;
  readonly sizeBytes: number;
}

/**
 * Two layers as one file system: the guest sees the lower one, and what it changes goes to the upper one. The lower layer is never
 * written. Files and directories are copied to the upper layer when they are first changed or moved. What was deleted stays
 * hidden for as long as this object lives: the upper layer has no marks of it.
 *
 * @example
 * const changes = new MemoryProvider();
 * const files = new OverlayProvider(changes, new RealFSProvider('.'));
 * const vm = await VM.create({ vfs: { mounts: { '/work': files } } });
 * await vm.exec('echo new > result', { cwd: '/work' });
 * console.log(changes.readdir()); // [ 'result' ]
 */
export class OverlayProvider implements VfsProvider {
  readonly isReadonly: boolean = false;
  readonly ttlMs: number;
  readonly snapshot?: ProviderSnapshot;
  readonly extendedAttributes?: ExtendedAttributes;
  readonly #nodes: OverlayNodes;
  readonly #lower: VfsProvider;
  readonly #names: OverlayNames;
  readonly #copies: CopyUp;
  readonly #files: OverlayFiles;
  #turn: Promise<unknown> = Promise.resolve();
  #beforeStop = async (): Promise<void> => undefined;
  /** The overlay that is served in place of this one. */
  #served: OverlayProvider | null = null;

  /**
   * @param upper  Takes what the guest changes.
   * @param lower  Is shown where the guest changed nothing. Neither serves another mount.
   * @throws {GondolinError} VM_BAD_OPTION for an upper layer that is read-only, or that is the lower one.
   */
  constructor(upper: VfsProvider, lower: VfsProvider) {
    if (upper.isReadonly || upper === lower) {
      const what = upper === lower ? 'is the lower one too' : 'is read-only';
      throw new GondolinError('VM_BAD_OPTION', `OverlayProvider: the upper layer ${what}`);
    }
    this.#lower = lower;
    this.ttlMs = Math.min(upper.ttlMs, lower.ttlMs);
    this.#nodes = new OverlayNodes(upper, new ReadonlyProvider(lower));
    this.#copies = new CopyUp(this.#nodes);
    this.#names = new OverlayNames(this.#nodes, this.#copies);
    this.#files = new OverlayFiles(this.#nodes);
    if (upper.extendedAttributes !== undefined) {
      const copy = async (node: OverlayNode) =>
        node.upper ?? this.#alone(() => this.#copies.copy(node));
      this.extendedAttributes = new OverlayAttributes(this.#nodes, upper.extendedAttributes, copy);
    }
    if (upper.snapshot !== undefined && lower.snapshot !== undefined) {
      this.snapshot = new OverlaySnapshot(this.#nodes, upper.snapshot, lower.snapshot);
    }
  }

  /** @internal */
  get layers(): { readonly upper: VfsProvider; readonly lower: VfsProvider } {
    return { upper: this.#nodes.upper, lower: this.#lower };
  }

  /** Makes one change after the other. */
  #alone<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  place({ place }: OverlayNode): NodePlace | null {
    return place;
  }

  async start(user: Caller): Promise<OverlayNode> {
    const { upper, lower } = this.#nodes;
    const above = await upper.start(user);
    let below: VfsNode;
    try {
      below = await lower.start(user);
    } catch (error) {
      await upper.stop();
      throw error;
    }
    try {
      await this.#checkRoots(above, below);
      const root = await this.#nodes.start(above, below);
      root.isGiven = true;
      return root;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** An empty upper layer gets mode, times and extended attributes of the lower one. */
  async #checkRoots(above: VfsNode, below: VfsNode): Promise<void> {
    const { upper, lower } = this.#nodes;
    const { mode, uid, gid, atimeNs, mtimeNs } = await lower.attributes(below);
    if ((mode & S_IFMT) !== S_IFDIR) {
      throw new GondolinError('VM_BAD_OPTION', 'OverlayProvider: the lower layer is one file', {
        hint: 'An overlay is of directories: take the directory that the file is in.',
      });
    }
    if (await this.#files.hasEntries(above)) return;
    await copyAttributes(this.#nodes, below, above);
    const change = { mode: mode & PERMISSION_BITS, uid, gid, atimeNs, mtimeNs };
    const held = { node: above, mount: { provider: upper } };
    await upper.setAttributes(above, await withGroup(held, change), null);
  }

  /**
   * Yields what differs from the lower layer now: each directory before what is in it, and what was deleted before what replaced it. What
   * only the guest's memory has is not seen: let it run `sync` before.
   * @throws {GondolinError} VM_NOT_RUNNING before its VM has started and after it has ended.
   *
   * @example
   * for await (const { kind, path } of files.listChanges()) console.log(kind, path);
   */
  async *listChanges(): AsyncGenerator<OverlayChange, void> {
    if (!this.isStarted) {
      throw new GondolinError(
        'VM_NOT_RUNNING',
        'OverlayProvider.listChanges(): no VM has it mounted',
      );
    }
    for await (const { path, kind, file } of this.layerChanges()) {
      const { mode, sizeBytes } = file.attributes;
      yield {
        ...{ path: Buffer.from(path, 'latin1').toString(), kind, type: changeType(file) },
        ...{ mode: mode & PERMISSION_BITS, sizeBytes },
      };
    }
  }

  /** @internal Returns an overlay of other layers that is served in place of this one, which tells what that one changes. */
  over(upper: VfsProvider, lower: VfsProvider): OverlayProvider {
    const served = new OverlayProvider(upper, lower);
    served.beforeStop(() => this.#beforeStop());
    this.#served = served;
    return served;
  }

  /** @internal True while a server has it. */
  get isStarted(): boolean {
    return (this.#served ?? this).#nodes.isStarted;
  }

  /** @internal Whether extended attributes are among what is compared. */
  get comparesAttributes(): boolean {
    return (this.#served ?? this).#nodes.hasAttributes;
  }

  /** @internal */
  layerChanges(): AsyncGenerator<LayerChange, void> {
    const served = this.#served ?? this;
    return new OverlayChanges(served.#nodes, served.#names).all();
  }

  /** @internal Calls `work` before the layers stop, once the guest has ended, and waits for it. */
  beforeStop(work: () => Promise<void>): void {
    this.#beforeStop = work;
  }

  async stop(): Promise<void> {
    if (this.#nodes.isStarted) await this.#beforeStop();
    this.#nodes.clear();
    try {
      await this.#nodes.upper.stop();
    } finally {
      await this.#nodes.lower.stop();
    }
  }

  forget(node: OverlayNode): void {
    node.isGiven = false;
    // A lookup that has found the node may be about to give it out.
    setImmediate(() => this.#nodes.dropUnused(node));
  }

  lookup(parent: OverlayNode, name: string): Promise<OverlayNode> {
    return this.#names.lookup(parent, name);
  }

  async attributes(node: OverlayNode): Promise<Attributes> {
    const { upper, lower } = this.#nodes;
    const own =
      node.upper === null
        ? await lower.attributes(node.lower as VfsNode)
        : await upper.attributes(node.upper);
    const { ino, device, type } = node;
    if (type !== S_IFDIR) return { ...own, ino, device, nlink: linkCount(node, own.nlink) };
    const isBoth = node.upper !== null && node.lower !== null;
    // One name means to programs such as `find` that the number of directories in it is not known.
    return { ...own, ino, device, nlink: node.isGone ? 0 : isBoth ? 1 : own.nlink };
  }

  async setAttributes(
    node: OverlayNode,
    change: AttributeChange,
    handle: OverlayHandle | null,
  ): Promise<void> {
    const isEmptied = change.sizeBytes === 0;
    const upper = node.upper ?? (await this.#alone(() => this.#copies.copy(node, { isEmptied })));
    const own = handle?.inner.isUpper === true ? handle.inner.handle : null;
    await this.#nodes.upper.setAttributes(upper, change, own);
  }

  async readLink(node: OverlayNode): Promise<Buffer> {
    const { upper, lower } = this.#nodes;
    if (node.upper !== null) return upper.readLink(node.upper);
    return lower.readLink(node.lower as VfsNode);
  }

  entries(node: OverlayNode): AsyncIterable<readonly DirectoryEntry[]> {
    if (node.type !== S_IFDIR) throw new VfsError('ENOTDIR');
    return this.#names.list(node);
  }

  status(): MaybePromise<FileSystemStatus> {
    return this.#nodes.upper.status();
  }

  create(
    parent: OverlayNode,
    name: string,
    file: NewNode & { readonly flags: number },
    caller: Caller,
  ): Promise<{ readonly node: OverlayNode; readonly handle: OverlayHandle }> {
    return this.#alone(async () => {
      if ((file.flags & O_EXCL) === 0) {
        const existing = await this.#names.find(parent, name);
        if (existing !== null) return this.#openFound(existing.node, file.flags);
      }
      const { node, made } = await this.#names.make(parent, name, async (directory) =>
        this.#nodes.upper.create(directory, name, file, caller),
      );
      return { node, handle: this.#files.add(node, true, made.handle) };
    });
  }

  async #openFound(node: OverlayNode, flags: number) {
    try {
      if (isWrite(flags)) await this.#copies.copy(node, { isEmptied: isEmptying(flags) });
      const handle = await this.#files.open(node, flags);
      node.isGiven = true;
      return { node, handle };
    } finally {
      this.#nodes.unuse(node);
    }
  }

  makeNode(parent: OverlayNode, name: string, file: NewNode, caller: Caller): Promise<OverlayNode> {
    return this.#make(parent, name, (directory) =>
      this.#nodes.upper.makeNode(directory, name, file, caller),
    );
  }

  makeDirectory(
    parent: OverlayNode,
    name: string,
    mode: number,
    caller: Caller,
  ): Promise<OverlayNode> {
    return this.#make(parent, name, (directory) =>
      this.#nodes.upper.makeDirectory(directory, name, mode, caller),
    );
  }

  makeSymlink(
    parent: OverlayNode,
    name: string,
    target: Buffer,
    caller: Caller,
  ): Promise<OverlayNode> {
    return this.#make(parent, name, (directory) =>
      this.#nodes.upper.makeSymlink(directory, name, target, caller),
    );
  }

  #make(
    parent: OverlayNode,
    name: string,
    create: (directory: VfsNode) => MaybePromise<VfsNode>,
  ): Promise<OverlayNode> {
    return this.#alone(async () => {
      const made = async (directory: VfsNode) => ({ node: await create(directory) });
      return (await this.#names.make(parent, name, made)).node;
    });
  }

  link(node: OverlayNode, parent: OverlayNode, name: string): Promise<void> {
    return this.#alone(() => this.#names.link(node, parent, name));
  }

  unlink(parent: OverlayNode, name: string): Promise<void> {
    return this.#alone(() => this.#names.unlink(parent, name));
  }

  removeDirectory(parent: OverlayNode, name: string): Promise<void> {
    return this.#alone(() => this.#names.removeDirectory(parent, name));
  }

  rename(
    parent: OverlayNode,
    name: string,
    newParent: OverlayNode,
    newName: string,
    flags: number,
  ): Promise<void> {
    return this.#alone(() => this.#names.rename(parent, name, newParent, newName, flags));
  }

  async open(node: OverlayNode, flags: number): Promise<OverlayHandle> {
    if (isWrite(flags) && node.upper === null) {
      await this.#alone(() => this.#copies.copy(node, { isEmptied: isEmptying(flags) }));
    }
    return this.#files.open(node, flags);
  }

  read(handle: OverlayHandle, target: Buffer, offset: number): Promise<number> {
    return this.#files.use(handle, (layer, inner) => layer.read(inner, target, offset));
  }

  write(handle: OverlayHandle, data: Buffer, offset: number, isMapped: boolean): Promise<void> {
    return this.#files.use(handle, (layer, inner) => layer.write(inner, data, offset, isMapped));
  }

  release(handle: OverlayHandle): Promise<void> {
    return this.#files.release(handle);
  }

  async sync(node: OverlayNode, handle: OverlayHandle | null, dataOnly: boolean): Promise<void> {
    if (node.upper === null) return;
    if (handle === null) {
      await this.#nodes.upper.sync(node.upper, null, dataOnly);
      return;
    }
    const { upper } = node;
    await this.#files.use(handle, (layer, inner) => layer.sync(upper, inner, dataOnly));
  }

  allocate(handle: OverlayHandle, mode: number, offset: number, length: number): Promise<void> {
    return this.#files.use(handle, (layer, inner) => layer.allocate(inner, mode, offset, length));
  }

  seek(handle: OverlayHandle, offset: number, whence: number): Promise<number> {
    return this.#files.use(handle, (layer, inner) => layer.seek(inner, offset, whence));
  }
}

function isWrite(flags: number): boolean {
  return (flags & (O_ACCMODE | O_TRUNC)) !== 0;
}

function isEmptying(flags: number): boolean {
  return (flags & O_TRUNC) !== 0;
}
