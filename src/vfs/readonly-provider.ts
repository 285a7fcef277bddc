import type {
  Attributes,
  Caller,
  ChangeSource,
  DirectoryEntry,
  ExtendedAttributes,
  FileSystemStatus,
  MaybePromise,
  NodePlace,
  ProviderSnapshot,
  VfsHandle,
  VfsNode,
  VfsProvider,
} from './provider.ts';
import { RealFSProvider } from './real-fs-provider.ts';
import { VfsError } from './vfs-error.ts';

/** Refuses with EROFS. The server refuses before it calls the provider; this covers other callers. */
function refuse(): never {
  throw new VfsError('EROFS');
}

/**
 * Serves a host directory, or another provider, read-only.
 *
 * @example
 * const vm = await VM.create({ vfs: { mounts: { '/src': new ReadonlyProvider('.') } } });
 */
export class ReadonlyProvider implements VfsProvider {
  readonly isReadonly: boolean = true;
  readonly ttlMs: number;
  readonly snapshot?: ProviderSnapshot;
  readonly extendedAttributes?: ExtendedAttributes;
  readonly changes?: ChangeSource;
  readonly place?: (node: VfsNode) => NodePlace | null;
  readonly #inner: VfsProvider;

  /** @param source Host path, or the provider to wrap, which must not serve another mount. */
  constructor(source: string | VfsProvider) {
    this.#inner = typeof source === 'string' ? new RealFSProvider(source) : source;
    this.ttlMs = this.#inner.ttlMs;
    if (this.#inner.place !== undefined) this.place = this.#inner.place.bind(this.#inner);
    if (this.#inner.changes !== undefined) this.changes = this.#inner.changes;
    if (this.#inner.snapshot !== undefined) this.snapshot = this.#inner.snapshot;
    const { extendedAttributes } = this.#inner;
    if (extendedAttributes !== undefined) {
      this.extendedAttributes = {
        get: (node, name) => extendedAttributes.get(node, name),
        list: (node) => extendedAttributes.list(node),
        ...{ set: refuse, remove: refuse },
      };
    }
  }

  /** @internal */
  get inner(): VfsProvider {
    return this.#inner;
  }

  start(user: Caller): MaybePromise<VfsNode> {
    return this.#inner.start(user);
  }
  stop(): MaybePromise<void> {
    return this.#inner.stop();
  }
  forget(node: VfsNode): void {
    this.#inner.forget(node);
  }
  lookup(parent: VfsNode, name: string): MaybePromise<VfsNode> {
    return this.#inner.lookup(parent, name);
  }
  attributes(node: VfsNode): MaybePromise<Attributes> {
    return this.#inner.attributes(node);
  }
  readLink(node: VfsNode): MaybePromise<Buffer> {
    return this.#inner.readLink(node);
  }
  entries(
    node: VfsNode,
  ): MaybePromise<readonly DirectoryEntry[] | AsyncIterable<readonly DirectoryEntry[]>> {
    return this.#inner.entries(node);
  }
  status(): MaybePromise<FileSystemStatus> {
    return this.#inner.status();
  }
  open(node: VfsNode, flags: number): MaybePromise<VfsHandle> {
    const changes = 0o1003;
    if ((flags & changes) !== 0) refuse();
    return this.#inner.open(node, flags);
  }
  read(handle: VfsHandle, target: Buffer, offset: number): MaybePromise<number> {
    return this.#inner.read(handle, target, offset);
  }
  release(handle: VfsHandle): MaybePromise<void> {
    return this.#inner.release(handle);
  }
  seek(handle: VfsHandle, offset: number, whence: number): MaybePromise<number> {
    return this.#inner.seek(handle, offset, whence);
  }
  sync(): void {}
  setAttributes = refuse;
  create = refuse;
  makeNode = refuse;
  makeDirectory = refuse;
  makeSymlink = refuse;
  link = refuse;
  unlink = refuse;
  removeDirectory = refuse;
  rename = refuse;
  write = refuse;
  allocate = refuse;
}
