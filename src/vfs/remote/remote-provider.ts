import type {
  AttributeChange,
  Attributes,
  Caller,
  DirectoryEntry,
  FileSystemStatus,
  NewNode,
  ProviderSnapshot,
  VfsProvider,
} from '../provider.ts';
import type { MountMethod, RemoteId } from './mount-messages.ts';
import { type LateResult, MountProcess } from './mount-process.ts';

/** A node of the mount process, with how often it was given to us. */
interface RemoteNode {
  readonly id: RemoteId;
  given: number;
}

interface RemoteHandle {
  readonly id: RemoteId;
}

const GIVES_NODE: ReadonlySet<MountMethod> = new Set([
  ...(['lookup', 'makeNode', 'makeDirectory', 'makeSymlink'] as const),
]);

/** The host tree to serve. */
export interface RemoteTree {
  readonly hostPath: string;
  readonly readonlyPaths: readonly string[];
  /** Patterns of names and paths that the guest does not see: see `createShadowPathPredicate`. */
  readonly hide?: readonly string[];
  readonly ttlMs: number;
}

/**
 * Serves a host directory on a file system that may hang (NFS, SMB, FUSE, …) as `RealFSProvider` does, from a process of its
 * own: a call that hangs fails with ETIMEDOUT for its guest and holds up nothing else (docs/files.md, "On a slow or hanging
 * host file system").
 */
export class RemoteProvider implements VfsProvider {
  readonly isReadonly: boolean = false;
  readonly ttlMs: number;
  readonly snapshot: ProviderSnapshot;
  readonly #tree: RemoteTree;
  readonly #limitMs: number | undefined;
  readonly #nodes = new Map<RemoteId, RemoteNode>();
  #started: MountProcess | undefined;

  /** @param limitMs  Time for one call. @default 20000 */
  constructor(tree: RemoteTree, limitMs?: number) {
    this.#tree = tree;
    this.#limitMs = limitMs;
    this.ttlMs = tree.ttlMs;
    this.snapshot = {
      save: (nodes, handles) => this.#process.call('save', idsOf(nodes), idsOf(handles)),
      restore: async (state) => {
        const found = await this.#process.call('restore', state);
        return {
          nodes: found.nodes.map((id) => (id === null ? null : this.#node(id))),
          handles: found.handles.map((id) => (id === null ? null : { id })),
        };
      },
    };
  }

  /** Process id of the mount's process. */
  get pid(): number | undefined {
    return this.#started?.pid;
  }

  get #process(): MountProcess {
    this.#started ??= new MountProcess(this.#dropLate, this.#limitMs);
    return this.#started;
  }

  #node(id: RemoteId): RemoteNode {
    const known = this.#nodes.get(id);
    if (known !== undefined) {
      known.given += 1;
      return known;
    }
    const node = { id, given: 1 };
    this.#nodes.set(id, node);
    return node;
  }

  /** Gives back what the reply to a call brought that nobody waits for any more. */
  readonly #dropLate: LateResult = (method, result) => {
    if (GIVES_NODE.has(method)) this.#process.tell('forget', result as RemoteId, 1);
    if (method === 'open') this.#process.tell('release', result as RemoteId);
    if (method === 'create') {
      const { node, handle } = result as { node: RemoteId; handle: RemoteId };
      this.#process.tell('release', handle);
      this.#process.tell('forget', node, 1);
    }
    if (method === 'entries' || method === 'moreEntries') {
      const { listing } = result as { listing: RemoteId | null };
      if (listing !== null) this.#process.tell('endEntries', listing);
    }
  };

  async start(user: Caller): Promise<RemoteNode> {
    const { hostPath, readonlyPaths, hide = [] } = this.#tree;
    return this.#node(await this.#process.call('start', hostPath, { readonlyPaths, hide }, user));
  }

  stop(): void {
    this.#started?.kill();
  }

  forget(node: RemoteNode): void {
    if (this.#nodes.get(node.id) === node) this.#nodes.delete(node.id);
    this.#process.tell('forget', node.id, node.given);
  }

  async lookup(parent: RemoteNode, name: string): Promise<RemoteNode> {
    return this.#node(await this.#process.call('lookup', parent.id, name));
  }

  attributes(node: RemoteNode): Promise<Attributes> {
    return this.#process.call('attributes', node.id);
  }

  setAttributes(
    node: RemoteNode,
    change: AttributeChange,
    handle: RemoteHandle | null,
  ): Promise<void> {
    return this.#process.call('setAttributes', node.id, change, handle?.id ?? null);
  }

  async readLink(node: RemoteNode): Promise<Buffer> {
    return Buffer.from(await this.#process.call('readLink', node.id));
  }

  async entries(
    node: RemoteNode,
  ): Promise<readonly DirectoryEntry[] | AsyncIterable<readonly DirectoryEntry[]>> {
    const { entries, listing } = await this.#process.call('entries', node.id);
    return listing === null ? entries : this.#batches(entries, listing);
  }

  async *#batches(
    first: readonly DirectoryEntry[],
    listing: RemoteId,
  ): AsyncGenerator<readonly DirectoryEntry[], void> {
    let isOver = false;
    try {
      yield first;
      while (!isOver) {
        const next = await this.#process.call('moreEntries', listing);
        isOver = next.listing === null;
        if (next.entries.length > 0) yield next.entries;
      }
    } finally {
      if (!isOver) this.#process.tell('endEntries', listing);
    }
  }

  status(): Promise<FileSystemStatus> {
    return this.#process.call('status');
  }

  async create(
    parent: RemoteNode,
    name: string,
    file: NewNode & { readonly flags: number },
    caller: Caller,
  ): Promise<{ node: RemoteNode; handle: RemoteHandle }> {
    const made = await this.#process.call('create', parent.id, name, file, caller);
    return { node: this.#node(made.node), handle: { id: made.handle } };
  }

  async makeNode(
    parent: RemoteNode,
    name: string,
    node: NewNode,
    caller: Caller,
  ): Promise<RemoteNode> {
    return this.#node(await this.#process.call('makeNode', parent.id, name, node, caller));
  }

  async makeDirectory(
    parent: RemoteNode,
    name: string,
    mode: number,
    caller: Caller,
  ): Promise<RemoteNode> {
    return this.#node(await this.#process.call('makeDirectory', parent.id, name, mode, caller));
  }

  async makeSymlink(
    parent: RemoteNode,
    name: string,
    target: Buffer,
    caller: Caller,
  ): Promise<RemoteNode> {
    return this.#node(await this.#process.call('makeSymlink', parent.id, name, target, caller));
  }

  link(node: RemoteNode, parent: RemoteNode, name: string): Promise<void> {
    return this.#process.call('link', node.id, parent.id, name);
  }

  unlink(parent: RemoteNode, name: string): Promise<void> {
    return this.#process.call('unlink', parent.id, name);
  }

  removeDirectory(parent: RemoteNode, name: string): Promise<void> {
    return this.#process.call('removeDirectory', parent.id, name);
  }

  rename(
    parent: RemoteNode,
    name: string,
    newParent: RemoteNode,
    newName: string,
    flags: number,
  ): Promise<void> {
    return this.#process.call('rename', parent.id, name, newParent.id, newName, flags);
  }

  async open(node: RemoteNode, flags: number): Promise<RemoteHandle> {
    return { id: await this.#process.call('open', node.id, flags) };
  }

  async read(handle: RemoteHandle, target: Buffer, offset: number): Promise<number> {
    const data = await this.#process.call('read', handle.id, target.length, offset);
    target.set(data);
    return data.length;
  }

  write(handle: RemoteHandle, data: Buffer, offset: number, isMapped: boolean): Promise<void> {
    return this.#process.call('write', handle.id, data, offset, isMapped);
  }

  release(handle: RemoteHandle): void {
    this.#process.tell('release', handle.id);
  }

  sync(node: RemoteNode, handle: RemoteHandle | null, dataOnly: boolean): Promise<void> {
    return this.#process.call('sync', node.id, handle?.id ?? null, dataOnly);
  }

  allocate(handle: RemoteHandle, mode: number, offset: number, length: number): Promise<void> {
    return this.#process.call('allocate', handle.id, mode, offset, length);
  }

  seek(handle: RemoteHandle, offset: number, whence: number): Promise<number> {
    return this.#process.call('seek', handle.id, offset, whence);
  }
}

function idsOf(objects: readonly object[]): RemoteId[] {
  return objects.map((one) => (one as RemoteHandle).id);
}
