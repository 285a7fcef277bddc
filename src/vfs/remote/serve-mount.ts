import { GondolinError } from '../../errors/gondolin-error.ts';
import { endWithParent } from '../../host/libc.ts';
import type { VfsHandle, VfsNode, VfsProvider } from '../provider.ts';
import { RealFSProvider } from '../real-fs-provider.ts';
import { createShadowPathPredicate, ShadowProvider } from '../shadow-provider.ts';
import { toErrno, VfsError } from '../vfs-error.ts';
import type {
  EntriesReply,
  MountFailure,
  MountLimits,
  MountMethod,
  MountReply,
  MountRequest,
  RemoteId,
} from './mount-messages.ts';

type Batches = AsyncIterator<EntriesReply['entries']>;

/** Numbers for objects of one kind. */
class Numbered<T extends object> {
  readonly #objects = new Map<RemoteId, T>();
  #last = 0;

  add(object: T): RemoteId {
    this.#last += 1;
    this.#objects.set(this.#last, object);
    return this.#last;
  }

  /** @throws {VfsError} ESTALE */
  get(id: RemoteId): T {
    const found = this.#objects.get(id);
    if (found === undefined) throw new VfsError('ESTALE');
    return found;
  }

  delete(id: RemoteId): void {
    this.#objects.delete(id);
  }
}

/** The nodes that the other side holds, and how often each was given: a `forget` may cross the reply of a `lookup`. */
class GivenNodes {
  readonly #numbered = new Numbered<VfsNode>();
  readonly #given = new Map<VfsNode, { readonly id: RemoteId; count: number }>();

  give(node: VfsNode): RemoteId {
    const known = this.#given.get(node);
    if (known !== undefined) {
      known.count += 1;
      return known.id;
    }
    const id = this.#numbered.add(node);
    this.#given.set(node, { id, count: 1 });
    return id;
  }

  get(id: RemoteId): VfsNode {
    return this.#numbered.get(id);
  }

  /** Returns the node once all that was given of it has come back; else null. */
  takeBack(id: RemoteId, count: number): VfsNode | null {
    const node = this.#numbered.get(id);
    const known = this.#given.get(node);
    if (known === undefined) return null;
    known.count -= count;
    if (known.count > 0) return null;
    this.#given.delete(node);
    this.#numbered.delete(id);
    return node;
  }
}

/** The calls by their names; their arguments are what `RemoteProvider` sends. */
type Served = { readonly [M in MountMethod]: (...args: never[]) => unknown };

/** Returns the calls of a mount that this process serves. */
function mountCalls(): Served {
  let provider: VfsProvider = new RealFSProvider('/');
  const nodes = new GivenNodes();
  const handles = new Numbered<VfsHandle>();
  const listings = new Numbered<Batches>();
  const orNull = (handle: RemoteId | null) => (handle === null ? null : handles.get(handle));
  const next = async (batches: Batches, listing: RemoteId | null): Promise<EntriesReply> => {
    const batch = await batches.next();
    if (batch.done !== true) {
      return { entries: batch.value, listing: listing ?? listings.add(batches) };
    }
    if (listing !== null) listings.delete(listing);
    return { entries: [], listing: null };
  };
  return {
    start: async (hostPath: string, { readonlyPaths, hide }: MountLimits, user: never) => {
      provider = new RealFSProvider(hostPath, { readonlyPaths });
      if (hide.length > 0) {
        const shouldShadow = createShadowPathPredicate(hide);
        provider = new ShadowProvider(provider, { shouldShadow });
      }
      return nodes.give(await provider.start(user));
    },
    lookup: async (parent: RemoteId, name: string) =>
      nodes.give(await provider.lookup(nodes.get(parent), name)),
    attributes: (node: RemoteId) => provider.attributes(nodes.get(node)),
    setAttributes: (node: RemoteId, change: never, handle: RemoteId | null) =>
      provider.setAttributes(nodes.get(node), change, orNull(handle)),
    readLink: (node: RemoteId) => provider.readLink(nodes.get(node)),
    entries: async (node: RemoteId) => {
      const found = await provider.entries(nodes.get(node));
      if (!(Symbol.asyncIterator in found)) return { entries: found, listing: null };
      return next(found[Symbol.asyncIterator](), null);
    },
    moreEntries: (listing: RemoteId) => next(listings.get(listing), listing),
    endEntries: async (listing: RemoteId) => {
      const batches = listings.get(listing);
      listings.delete(listing);
      await batches.return?.();
    },
    status: () => provider.status(),
    create: async (parent: RemoteId, name: string, file: never, caller: never) => {
      const made = await provider.create(nodes.get(parent), name, file, caller);
      return { node: nodes.give(made.node), handle: handles.add(made.handle) };
    },
    makeNode: async (parent: RemoteId, name: string, node: never, caller: never) =>
      nodes.give(await provider.makeNode(nodes.get(parent), name, node, caller)),
    makeDirectory: async (parent: RemoteId, name: string, mode: number, caller: never) =>
      nodes.give(await provider.makeDirectory(nodes.get(parent), name, mode, caller)),
    makeSymlink: async (parent: RemoteId, name: string, target: Uint8Array, caller: never) =>
      nodes.give(await provider.makeSymlink(nodes.get(parent), name, Buffer.from(target), caller)),
    link: (node: RemoteId, parent: RemoteId, name: string) =>
      provider.link(nodes.get(node), nodes.get(parent), name),
    unlink: (parent: RemoteId, name: string) => provider.unlink(nodes.get(parent), name),
    removeDirectory: (parent: RemoteId, name: string) =>
      provider.removeDirectory(nodes.get(parent), name),
    rename: (from: RemoteId, name: string, to: RemoteId, newName: string, flags: number) =>
      provider.rename(nodes.get(from), name, nodes.get(to), newName, flags),
    open: async (node: RemoteId, flags: number) =>
      handles.add(await provider.open(nodes.get(node), flags)),
    read: async (handle: RemoteId, length: number, offset: number) => {
      const target = Buffer.allocUnsafe(length);
      return target.subarray(0, await provider.read(handles.get(handle), target, offset));
    },
    write: (handle: RemoteId, data: Uint8Array, offset: number, isMapped: boolean) =>
      provider.write(handles.get(handle), Buffer.from(data), offset, isMapped),
    release: async (handle: RemoteId) => {
      const open = handles.get(handle);
      handles.delete(handle);
      await provider.release(open);
    },
    sync: (node: RemoteId, handle: RemoteId | null, dataOnly: boolean) =>
      provider.sync(nodes.get(node), orNull(handle), dataOnly),
    allocate: (handle: RemoteId, mode: number, offset: number, length: number) =>
      provider.allocate(handles.get(handle), mode, offset, length),
    seek: (handle: RemoteId, offset: number, whence: number) =>
      provider.seek(handles.get(handle), offset, whence),
    save: (saved: readonly RemoteId[], open: readonly RemoteId[]) =>
      provider.snapshot?.save(
        saved.map((id) => nodes.get(id)),
        open.map((id) => handles.get(id)),
      ),
    restore: async (state: unknown) => {
      const found = await provider.snapshot?.restore(state);
      return {
        nodes: found?.nodes.map((node) => (node === null ? null : nodes.give(node))),
        handles: found?.handles.map((handle) => (handle === null ? null : handles.add(handle))),
      };
    },
    forget: (id: RemoteId, count: number) => {
      const node = nodes.takeBack(id, count);
      if (node !== null) provider.forget(node);
    },
  };
}

function failureOf(error: unknown): MountFailure {
  const message = error instanceof Error ? error.message : String(error);
  return { errno: toErrno(error), code: GondolinError.is(error) ? error.code : null, message };
}

/** Serves one mount to the process that started this one, until that ends the connection. */
export function serveMount(): void {
  endWithParent();
  const calls = mountCalls();
  const serve = async ({ id, method, args }: MountRequest): Promise<MountReply> => {
    try {
      return { id, result: await calls[method](...(args as never[])) };
    } catch (error) {
      return { id, failure: failureOf(error) };
    }
  };
  process.on('message', (request: MountRequest) => {
    void serve(request).then((reply) => {
      if (process.connected) process.send?.(reply);
    });
  });
  // Without the connection nothing keeps it alive.
}
