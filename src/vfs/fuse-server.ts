import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import { ERRNO, errnoName } from '../protocol/errno.ts';
import type { FuseRequest } from '../protocol/fuse-request.ts';
import { TurnQueue } from '../util/turn-scheduler.ts';
import { FILE_TURNS } from './bounds/limits.ts';
import type { RequestReservation } from './bounds/request-reservation.ts';
import { S_IFDIR, S_IFMT } from './file-mode.ts';
import type { FuseContext, FuseOperation, FuseReply } from './fuse/context.ts';
import { DIRECTORY_OPERATIONS } from './fuse/directory-operations.ts';
import { encodeInvalidate, encodeReply, type StaleNode } from './fuse/encode.ts';
import { FILE_OPERATIONS } from './fuse/file-operations.ts';
import { Handles } from './fuse/handles.ts';
import { NAME_OPERATIONS } from './fuse/name-operations.ts';
import { RequestPump } from './fuse/request-pump.ts';
import { SESSION_OPERATIONS } from './fuse/session-operations.ts';
import { Listings } from './listing/listings.ts';
import { makeMountPoint } from './make-mount-point.ts';
import { InodeNumbers } from './nodes/inode-numbers.ts';
import { type Mount, NodeTable, withUniqueIno } from './nodes/node-table.ts';
import { RecentAttributes } from './nodes/recent-attributes.ts';
import type { Caller, VfsProvider } from './provider.ts';
import { type FuseState, readFuseState } from './snapshot/fuse-state.ts';
import { restoreServer } from './snapshot/restore-server.ts';
import { saveServer } from './snapshot/save-server.ts';
import { toErrno } from './vfs-error.ts';

export interface FuseServerOptions {
  /** Names under the FUSE root (letters and digits) with what serves them. */
  readonly mounts: readonly { readonly name: string; readonly provider: VfsProvider }[];
  /** Guest user whom the host user's files belong to. A `state` brings its own. */
  readonly user: Caller;
  /** What `exportState` gave, read from its file: untrusted. The mounts must be those it was saved with. */
  readonly state?: unknown;
}

const OPERATIONS: Readonly<Record<number, FuseOperation>> = {
  ...SESSION_OPERATIONS,
  ...NAME_OPERATIONS,
  ...FILE_OPERATIONS,
  ...DIRECTORY_OPERATIONS,
};

/** When the VM ends, how long its providers may take to answer what they were asked, to release handles, and to stop. */
const CLOSE_LIMIT_MS = 5_000;

/**
 * Serves FUSE requests of one guest from providers. Requests run concurrently; each is answered once.
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
  /** Nodes of which a restored guest knows what is no longer true. */
  #stale: readonly StaleNode[] = [];

  constructor(options: FuseServerOptions) {
    this.#options = options;
    this.#user = options.user;
    const tables = {
      ids: new NodeTable(),
      handles: new Handles(),
      numbers: new InodeNumbers(),
      recent: new RecentAttributes(),
    };
    const turns = new TurnQueue(FILE_TURNS);
    const listings = new Listings(turns);
    this.#context = { mounts: this.#mounts, ...tables, listings, turns };
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#pump = new RequestPump({
      turns,
      serve: (request, room) => this.#serve(request, room),
      onBroken: (error) => this.#fail(error),
    });
  }

  /** Bytes that came from the guest since the machine's start, over saves and restores: its `sent` of FREEZE. */
  get bytesIn(): number {
    return this.#pump.bytesIn;
  }

  /** Bytes for the guest since the machine's start: its `received` once all of them are there. */
  get bytesOut(): number {
    return this.#pump.bytesOut;
  }

  /** Requests under way, the bytes held for them and those of listings: within the bounds of docs/limits.md. */
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
    for (const [index, { name, provider }] of this.#options.mounts.entries()) {
      try {
        const root = await provider.start(this.#user);
        const mount = { name, provider, root, index, numbers: this.#context.numbers };
        this.#mounts.set(name, mount);
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
   * Takes over the file channel. Its end is no failure: the machine tells why it ended. A restored guest first hears
   * of the files that changed since it was told of them.
   * @param carried  Of a restored machine that had no files open: its totals; a `state` brings its own.
   */
  attach(channel: Duplex, carried?: { readonly bytesIn: number; readonly bytesOut: number }): void {
    this.#pump.bytesIn += carried?.bytesIn ?? 0;
    this.#pump.bytesOut += carried?.bytesOut ?? 0;
    this.#pump.attach(channel);
    if (this.#stale.length > 0) this.#pump.write(Buffer.concat(this.#stale.map(encodeInvalidate)));
    this.#stale = [];
  }

  /**
   * Makes what a mount goes on, inside of another mount, for the sandbox's user. Nothing to do on a read-only one.
   * @param outer  Name of the mount it lies in. @param path  Below its root.
   * @param inner  Name of the mount that goes there; null for a directory.
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

  async #serve(request: FuseRequest, room: RequestReservation): Promise<Buffer | null> {
    try {
      const operation = OPERATIONS[request.opcode];
      if (operation === undefined) return encodeReply(request.unique, ERRNO.ENOSYS);
      return finished(request, await operation(this.#context, request, room));
    } catch (error) {
      if (GondolinError.is(error)) throw error;
      return encodeReply(request.unique, toErrno(error));
    }
  }

  /**
   * Stops taking requests and waits until those that came are served. The guest must not run until `resume`.
   * @param limitMs  How long to wait for providers and for the guest to read its replies. @default no limit
   * @returns whether all that came is served and drained; if not, nothing may be saved.
   */
  async quiesce(limitMs: number = Number.POSITIVE_INFINITY): Promise<boolean> {
    const isAtRest = await this.#pump.quiesce(limitMs);
    if (isAtRest) this.#context.recent.pause();
    return isAtRest;
  }

  /** Takes requests again after `quiesce`. */
  resume(): void {
    this.#context.recent.resume();
    this.#pump.resume();
  }

  /**
   * What another server needs to go on for a copy of this machine: plain JSON, see `FuseServerOptions.state`. To be
   * called while quiesced, once the guest has sent and received as many bytes as `bytesIn` and `bytesOut` say.
   * @throws {GondolinError} SNAPSHOT_UNSUPPORTED naming the mount that cannot be saved, or when requests are under way.
   */
  exportState(): FuseState {
    if (!this.#pump.isAtRest) {
      throw new GondolinError('SNAPSHOT_UNSUPPORTED', 'requests of the guest are under way', {
        hint: 'Please report this: the machine was to be saved before its file channel was quiet.',
      });
    }
    const { bytesIn, bytesOut } = this.#pump;
    return saveServer(this.#context, { bytesIn, bytesOut, user: this.#user });
  }

  /**
   * Closes what is open and stops the providers. May be called twice; never rejects. A provider that does not settle
   * is left behind after a limit.
   */
  async close(): Promise<void> {
    const served = this.#pump.close();
    this.#context.listings.close();
    await settledWithin(CLOSE_LIMIT_MS, served);
    this.#context.ids.close();
    await settledWithin(CLOSE_LIMIT_MS, this.#context.handles.clear());
    const providers = [...this.#mounts.values()].map(({ provider }) => provider);
    this.#mounts.clear();
    // It may throw at once: the VM is over, nothing more can be done for it.
    const stops = providers.map(async (provider) => provider.stop());
    await settledWithin(CLOSE_LIMIT_MS, Promise.allSettled(stops));
  }
}

/** The message of a reply, or null when there is none. */
function finished(request: FuseRequest, reply: FuseReply): Buffer | null {
  if (reply === 'none') return null;
  return 'whole' in reply ? reply.whole : encodeReply(request.unique, 0, reply);
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
