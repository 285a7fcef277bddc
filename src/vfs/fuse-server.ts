import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import { errnoName } from '../protocol/errno.ts';
import { TurnQueue } from '../util/turn-scheduler.ts';
import { FILE_TURNS } from './bounds/limits.ts';
import { S_IFDIR, S_IFMT } from './file-mode.ts';
import type { FuseContext } from './fuse/context.ts';
import { DirectoryReads } from './fuse/directory-reads.ts';
import { Handles } from './fuse/handles.ts';
import type { SlotDisk } from './fuse/reply-slots.ts';
import { RequestPump } from './fuse/request-pump.ts';
import { HookCalls, type HookFaultSink } from './hooks/hook-calls.ts';
import type { VfsHooks } from './hooks/vfs-hooks.ts';
import { Listings } from './listing/listings.ts';
import { GuestView } from './live/guest-view.ts';
import { LiveFiles } from './live/live-files.ts';
import { makeMountPoint } from './make-mount-point.ts';
import { InodeNumbers } from './nodes/inode-numbers.ts';
import { type Mount, NodeTable, withUniqueIno } from './nodes/node-table.ts';
import { RecentAttributes } from './nodes/recent-attributes.ts';
import { type FileWatcher, OperationTable } from './operation-table.ts';
import type { Caller, VfsProvider } from './provider.ts';
import { isolateRemote } from './remote/isolate-remote.ts';
import { type FuseState, readFuseState } from './snapshot/fuse-state.ts';
import { restoreServer } from './snapshot/restore-server.ts';
import { saveServer } from './snapshot/save-server.ts';
import { toErrno } from './vfs-error.ts';

interface MountOptions {
  readonly name: string;
  readonly provider: VfsProvider;
  /** Absolute guest path, for hooks and events. @default `/` and the name */
  readonly path?: string;
}

export interface FuseServerOptions {
  /** The mounts: each name under the FUSE root (letters and digits) with its provider, and its path in the guest. */
  readonly mounts: readonly MountOptions[];
  /** Guest user who owns the host user's files. Ignored when `state` is given, which has its own. */
  readonly user: Caller;
  /** State from `exportState`. Untrusted: read from a file. The mounts must be those it was saved with. */
  readonly state?: unknown;
  /** Functions of the user around each operation. @default none: requests do not pass a hook's code */
  readonly hooks?: VfsHooks;
  /** Receives what a hook did wrong. @default none */
  readonly onHookFault?: HookFaultSink;
}

/** Time that providers get when the VM ends, for each of: the calls under way, releasing handles, stopping. */
const CLOSE_LIMIT_MS = 5_000;

/**
 * Serves the FUSE requests of one guest from providers (docs/files.md, "Concepts"). Requests run
 * concurrently; each gets one reply.
 * Order: `start`, `attach` once, `close`. To save: `quiesce`, `exportState`, `resume`.
 * A broken rule of the protocol settles `failed`; the caller ends the VM.
 */
export class FuseServer {
  /** Resolves with GUEST_PROTOCOL when the guest broke the protocol. Never rejects. */
  readonly failed: Promise<GondolinError>;
  readonly #options: FuseServerOptions;
  #user: Caller;
  readonly #mounts = new Map<string, Mount>();
  readonly #context: FuseContext;
  readonly #pump: RequestPump;
  #fail: (error: GondolinError) => void = () => undefined;
  readonly #calls: HookCalls;
  readonly #operations: OperationTable;
  /** Notifications of what changed while a restored guest was saved. */
  #stale: readonly Buffer[] = [];

  constructor(options: FuseServerOptions) {
    this.#options = options;
    this.#user = options.user;
    const tables = {
      ids: new NodeTable(),
      handles: new Handles(),
      numbers: new InodeNumbers(),
      recent: new RecentAttributes(),
    };
    // A hook sees what the guest asks: it must not ask less often for as long as nothing changes.
    const view = new GuestView(tables.ids, tables.recent, options.hooks === undefined);
    this.#calls = new HookCalls(options.hooks ?? {}, options.onHookFault ?? (() => undefined));
    this.#operations = new OperationTable(options.hooks ?? null, this.#calls);
    const turns = new TurnQueue(FILE_TURNS);
    const listings = new Listings(turns);
    const live = new LiveFiles({
      ...{ ids: tables.ids, view, turns },
      send: (message, onDrained) => this.#pump.write(message, onDrained),
    });
    this.#context = {
      ...{ mounts: this.#mounts, ...tables, view, live, listings, turns },
      reads: new DirectoryReads(listings),
      newFiles: { areReadBack: false, unused: 0 },
      opensDirectories: options.hooks !== undefined,
      keepsAcls: offersAttributes(options.mounts.map(({ provider }) => provider)),
    };
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#pump = new RequestPump({
      turns,
      serve: (request, room) => this.#operations.serve(this.#context, request, room),
      onBroken: (error) => this.#fail(error),
    });
  }

  /** Bytes received from the guest since the machine's start, across saves and restores: its `sent` of FREEZE. */
  get bytesIn(): number {
    return this.#pump.bytesIn;
  }

  /** Bytes sent to the guest since the machine's start: equals its `received` once all have arrived. */
  get bytesOut(): number {
    return this.#pump.bytesOut;
  }

  /** Requests under way, the bytes held for them, and the bytes of listings. Their bounds are in docs/limits.md. */
  get load(): {
    readonly requests: number;
    readonly bytes: number;
    readonly listingBytes: number;
  } {
    const { underWay, heldBytes } = this.#pump;
    return { requests: underWay, bytes: heldBytes, listingBytes: this.#context.listings.bytes };
  }

  /**
   * Starts the providers and restores `state`.
   * @throws {GondolinError} VFS_MOUNT_FAILED naming the mount; SNAPSHOT_REFUSED when the state does not fit.
   */
  async start(): Promise<void> {
    const state = this.#options.state === undefined ? null : readFuseState(this.#options.state);
    if (state !== null) this.#user = state.user;
    const { numbers } = this.#context;
    for (const [index, given] of this.#options.mounts.entries()) {
      const { name, path = `/${name}` } = given;
      try {
        const provider = isolateRemote(given.provider);
        const root = await provider.start(this.#user);
        const mount = { name, path, provider, root, index, numbers };
        this.#mounts.set(name, mount);
        provider.changes?.listen((change) => this.#context.live.onChange(mount, change));
        // In this order at each start: file systems keep their inode numbers.
        withUniqueIno(mount, await provider.attributes(root));
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new GondolinError('VFS_MOUNT_FAILED', `mount ${index + 1} cannot be served: ${why}`, {
          cause,
        });
      }
    }
    if (state === null) return;
    this.#stale = await restoreServer(this.#context, state);
    this.#pump.bytesIn = state.bytesIn;
    this.#pump.bytesOut = state.bytesOut;
  }

  /**
   * Takes over the file channel. Its end is not a failure: the machine reports why it ended. A restored guest is first
   * notified of the names and files that changed meanwhile.
   * @param counted  Totals of a restored machine that had no files open; a `state` has its own.
   * @param replyDisk  The disk of the guest for large replies.
   */
  attach(
    channel: Duplex,
    counted?: { readonly bytesIn: number; readonly bytesOut: number },
    replyDisk: SlotDisk | null = null,
  ): void {
    this.#pump.bytesIn += counted?.bytesIn ?? 0;
    this.#pump.bytesOut += counted?.bytesOut ?? 0;
    this.#pump.attach(channel, replyDisk);
    if (this.#stale.length > 0) this.#pump.write(Buffer.concat(this.#stale));
    this.#stale = [];
  }

  /**
   * Makes the mount point of one mount inside another, owned by the sandbox's user. Does nothing when `outer` is read-only.
   * @param outer  Name of the mount that contains it. @param path  Path below the root of `outer`.
   * @param inner  Name of the mount that goes there; null makes a directory.
   * @throws {GondolinError} VFS_MOUNT_FAILED
   */
  async makeMountPoint(outer: string, path: string, inner: string | null): Promise<void> {
    const mount = this.#mounts.get(outer);
    if (mount === undefined || mount.provider.isReadonly) return;
    const placed = inner === null ? undefined : this.#mounts.get(inner);
    const mode = (await placed?.provider.attributes(placed.root))?.mode ?? S_IFDIR;
    const place = { path, isDirectory: (mode & S_IFMT) === S_IFDIR };
    try {
      await makeMountPoint(this.#context, mount, place, this.#user);
    } catch (cause) {
      const why = errnoName(toErrno(cause));
      const message = `Cannot make \`${path}\` in mount ${mount.index + 1} for another mount: ${why}`;
      throw new GondolinError('VFS_MOUNT_FAILED', message, { cause });
    }
  }

  /**
   * Calls `watcher` with each operation that succeeds, until the returned function is called. Reads that the guest's page cache
   * answers are not among them.
   */
  watch(watcher: FileWatcher): () => void {
    return this.#operations.watch(watcher);
  }

  /**
   * Stops taking requests and waits until those that came are served. The guest must not run until `resume`.
   * @param limitMs  How long to wait for providers and for the guest to read its replies. @default no limit
   * @returns true when every request is served and every reply drained; else nothing may be saved.
   */
  async quiesce(limitMs: number = Number.POSITIVE_INFINITY): Promise<boolean> {
    this.#context.live.pause();
    const isAtRest = await this.#pump.quiesce(limitMs);
    if (isAtRest) this.#context.recent.pause();
    return isAtRest;
  }

  /** Takes requests again after `quiesce`. */
  resume(): void {
    this.#context.recent.resume();
    this.#pump.resume();
    this.#context.live.resume();
  }

  /**
   * Returns the state from which another server continues for a copy of this machine, as plain JSON (see
   * `FuseServerOptions.state`). Call while quiesced, once the guest has sent `bytesIn` and
   * received `bytesOut` bytes.
   * @throws {GondolinError} SNAPSHOT_UNSUPPORTED naming the mount that cannot be saved, or when requests are under way.
   */
  async exportState(): Promise<FuseState> {
    if (!this.#pump.isAtRest) {
      throw new GondolinError('SNAPSHOT_UNSUPPORTED', 'requests of the guest are under way', {
        hint: 'Report this as a bug: the machine was saved before its file channel was quiet.',
      });
    }
    const { bytesIn, bytesOut } = this.#pump;
    return saveServer(this.#context, { bytesIn, bytesOut, user: this.#user });
  }

  /**
   * Closes what is open and stops the providers. May be called twice; never rejects. Does not wait longer than a limit
   * for a provider that hangs.
   */
  async close(): Promise<void> {
    const served = this.#pump.close();
    this.#calls.close();
    this.#context.listings.close();
    this.#context.live.close();
    await settledWithin(CLOSE_LIMIT_MS, served);
    this.#context.ids.close();
    this.#context.view.close();
    await settledWithin(CLOSE_LIMIT_MS, this.#context.handles.clear());
    const providers = [...this.#mounts.values()].map(({ provider }) => provider);
    this.#mounts.clear();
    // A throw is ignored too: the VM has ended, so nothing more can be done.
    const stops = providers.map(async (provider) => provider.stop());
    await settledWithin(CLOSE_LIMIT_MS, Promise.allSettled(stops));
  }
}

/**
 * True when one of the providers has extended attributes. A machine's kernel learns that once, when the file channel starts, so it belongs to
 * what must be the same where a saved machine is restored.
 */
export function offersAttributes(providers: readonly VfsProvider[]): boolean {
  return providers.some(({ extendedAttributes }) => extendedAttributes !== undefined);
}

/** Resolves when `work` settles, at the latest after `limitMs`. */
async function settledWithin(limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
