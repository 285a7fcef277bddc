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
  VfsHandle,
  VfsNode,
  VfsProvider,
} from './provider.ts';

/**
 * Passes every operation to another provider. Extend it to change some of them; call `super` for the rest.
 *
 * @example
 * class Counted extends VirtualProvider {
 *   reads = 0;
 *   override read(handle: VfsHandle, target: Buffer, offset: number) {
 *     this.reads++;
 *     return super.read(handle, target, offset);
 *   }
 * }
 * const files = new Counted(new RealFSProvider('.'));
 * const vm = await VM.create({ vfs: { mounts: { '/work': files } } });
 */
export class VirtualProvider implements VfsProvider {
  readonly snapshot?: ProviderSnapshot;
  readonly extendedAttributes?: ExtendedAttributes;
  readonly place?: (node: VfsNode) => NodePlace | null;
  /** The provider that serves the files; one instance serves one mount. */
  protected readonly inner: VfsProvider;

  constructor(inner: VfsProvider) {
    this.inner = inner;
    if (inner.place !== undefined) this.place = inner.place.bind(inner);
    if (inner.snapshot !== undefined) this.snapshot = inner.snapshot;
    if (inner.extendedAttributes !== undefined) this.extendedAttributes = inner.extendedAttributes;
  }

  get isReadonly(): boolean {
    return this.inner.isReadonly;
  }
  get ttlMs(): number {
    return this.inner.ttlMs;
  }
  start(user: Caller): MaybePromise<VfsNode> {
    return this.inner.start(user);
  }
  stop(): MaybePromise<void> {
    return this.inner.stop();
  }
  forget(node: VfsNode): void {
    this.inner.forget(node);
  }
  lookup(parent: VfsNode, name: string): MaybePromise<VfsNode> {
    return this.inner.lookup(parent, name);
  }
  attributes(node: VfsNode): MaybePromise<Attributes> {
    return this.inner.attributes(node);
  }
  setAttributes(
    node: VfsNode,
    change: AttributeChange,
    handle: VfsHandle | null,
  ): MaybePromise<void> {
    return this.inner.setAttributes(node, change, handle);
  }
  readLink(node: VfsNode): MaybePromise<Buffer> {
    return this.inner.readLink(node);
  }
  entries(
    node: VfsNode,
  ): MaybePromise<readonly DirectoryEntry[] | AsyncIterable<readonly DirectoryEntry[]>> {
    return this.inner.entries(node);
  }
  status(): MaybePromise<FileSystemStatus> {
    return this.inner.status();
  }
  create(
    parent: VfsNode,
    name: string,
    file: NewNode & { readonly flags: number },
    caller: Caller,
  ): MaybePromise<{ readonly node: VfsNode; readonly handle: VfsHandle }> {
    return this.inner.create(parent, name, file, caller);
  }
  makeNode(parent: VfsNode, name: string, node: NewNode, caller: Caller): MaybePromise<VfsNode> {
    return this.inner.makeNode(parent, name, node, caller);
  }
  makeDirectory(
    parent: VfsNode,
    name: string,
    mode: number,
    caller: Caller,
  ): MaybePromise<VfsNode> {
    return this.inner.makeDirectory(parent, name, mode, caller);
  }
  makeSymlink(
    parent: VfsNode,
    name: string,
    target: Buffer,
    caller: Caller,
  ): MaybePromise<VfsNode> {
    return this.inner.makeSymlink(parent, name, target, caller);
  }
  link(node: VfsNode, parent: VfsNode, name: string): MaybePromise<void> {
    return this.inner.link(node, parent, name);
  }
  unlink(parent: VfsNode, name: string): MaybePromise<void> {
    return this.inner.unlink(parent, name);
  }
  removeDirectory(parent: VfsNode, name: string): MaybePromise<void> {
    return this.inner.removeDirectory(parent, name);
  }
  rename(
    parent: VfsNode,
    name: string,
    newParent: VfsNode,
    newName: string,
    flags: number,
  ): MaybePromise<void> {
    return this.inner.rename(parent, name, newParent, newName, flags);
  }
  open(node: VfsNode, flags: number): MaybePromise<VfsHandle> {
    return this.inner.open(node, flags);
  }
  read(handle: VfsHandle, target: Buffer, offset: number): MaybePromise<number> {
    return this.inner.read(handle, target, offset);
  }
  write(handle: VfsHandle, data: Buffer, offset: number, isMapped: boolean): MaybePromise<void> {
    return this.inner.write(handle, data, offset, isMapped);
  }
  release(handle: VfsHandle): MaybePromise<void> {
    return this.inner.release(handle);
  }
  sync(node: VfsNode, handle: VfsHandle | null, dataOnly: boolean): MaybePromise<void> {
    return this.inner.sync(node, handle, dataOnly);
  }
  allocate(handle: VfsHandle, mode: number, offset: number, length: number): MaybePromise<void> {
    return this.inner.allocate(handle, mode, offset, length);
  }
  seek(handle: VfsHandle, offset: number, whence: number): MaybePromise<number> {
    return this.inner.seek(handle, offset, whence);
  }
}
