import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import { ERRNO } from '../protocol/errno.ts';
import { type FuseRequest, FuseRequestDecoder } from '../protocol/fuse-request.ts';
import { type FuseState, readFuseState } from './carry/fuse-state.ts';
import { RecentAttributes } from './carry/recent-attributes.ts';
import { restoreServer } from './carry/restore-server.ts';
import { saveServer } from './carry/save-server.ts';
import type { FuseContext, FuseOperation, FuseReply } from './fuse/context.ts';
import { DIRECTORY_OPERATIONS } from './fuse/directory-operations.ts';
import { encodeInvalidate, encodeReply, type StaleNode } from './fuse/encode.ts';
import { FILE_OPERATIONS } from './fuse/file-operations.ts';
import { Handles } from './fuse/handles.ts';
import { NAME_OPERATIONS } from './fuse/name-operations.ts';
import { type Mount, NodeIds } from './fuse/node-ids.ts';
import { SESSION_OPERATIONS } from './fuse/session-operations.ts';
import type { Caller, VfsProvider } from './provider.ts';
import { errnoOf } from './vfs-error.ts';

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

/** The kernel sends fewer; a hostile guest waits. */
const MAX_REQUESTS_UNDER_WAY = 256;

/**
 * Serves FUSE requests of one guest from providers. Requests run concurrently; each is answered once.
 * Order: `start`, `attach` once, `close`. To save: `hold`, `exportState`, `release`. A broken rule of the protocol settles `failed`; the caller ends the VM.
 */
export class FuseServer {
  /** Resolves with GUEST_PROTOCOL when the guest broke the protocol. Never rejects. */
  readonly failed: Promise<GondolinError>;
  readonly #options: FuseServerOptions;
  #user: Caller;
  readonly #mounts = new Map<string, Mount>();
  readonly #context: FuseContext;
  readonly #decoder = new FuseRequestDecoder();
  #fail: (error: GondolinError) => void = () => undefined;
  #channel: Duplex | null = null;
  #underWay = 0;
  #isOver = false;
  #isHeld = false;
  #onIdle: (() => void)[] = [];
  #bytesIn = 0;
  #bytesOut = 0;
  /** Nodes of which a restored guest knows what is no longer true. */
  #stale: readonly StaleNode[] = [];

  constructor(options: FuseServerOptions) {
    this.#options = options;
    this.#user = options.user;
    const tables = { ids: new NodeIds(), handles: new Handles(), recent: new RecentAttributes() };
    this.#context = { mounts: this.#mounts, ...tables };
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  /** Bytes that came from the guest since the machine's start, over saves and restores: its `sent` of FREEZE. */
  get bytesIn(): number {
    return this.#bytesIn;
  }

  /** Bytes for the guest since the machine's start: its `received` once all of them are there. */
  get bytesOut(): number {
    return this.#bytesOut;
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
        this.#mounts.set(name, { name, provider, root, index });
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new GondolinError('VFS_MOUNT_FAILED', `mount ${index + 1} cannot be served: ${why}`, {
          cause,
        });
      }
    }
    if (state === null) return;
    this.#stale = await restoreServer(this.#context, state);
    this.#bytesIn = state.bytesIn;
    this.#bytesOut = state.bytesOut;
  }

  /**
   * Takes over the file channel. Its end is no failure: the machine tells why it ended. A restored guest first hears
   * of the files that changed since it was told of them.
   * @param carried  Of a restored machine that had no files open: its totals; a `state` brings its own.
   */
  attach(channel: Duplex, carried?: { readonly bytesIn: number; readonly bytesOut: number }): void {
    this.#channel = channel;
    this.#bytesIn += carried?.bytesIn ?? 0;
    this.#bytesOut += carried?.bytesOut ?? 0;
    if (this.#stale.length > 0) this.#write(Buffer.concat(this.#stale.map(encodeInvalidate)));
    this.#stale = [];
    channel.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  #receive(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#bytesIn += chunk.length;
    try {
      for (const request of this.#decoder.push(chunk)) {
        if (this.#isOver) return;
        this.#underWay++;
        void this.#serve(request);
      }
    } catch (error) {
      this.#end(error);
    }
    if (this.#underWay > MAX_REQUESTS_UNDER_WAY) this.#channel?.pause();
  }

  async #serve(request: FuseRequest): Promise<void> {
    try {
      const operation = OPERATIONS[request.opcode];
      if (operation === undefined) this.#reply(request, ERRNO.ENOSYS);
      else this.#reply(request, 0, await operation(this.#context, request));
    } catch (error) {
      if (GondolinError.is(error)) this.#end(error);
      else this.#reply(request, errnoOf(error));
    } finally {
      this.#underWay--;
      this.#resumeIfRoom();
      if (this.#underWay === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    }
  }

  #resumeIfRoom(): void {
    const mayTake = !this.#isHeld && this.#underWay <= MAX_REQUESTS_UNDER_WAY;
    if (mayTake && this.#channel?.isPaused() === true) this.#channel.resume();
  }

  /** Takes no more requests; resolves once those that came are answered. The guest does not run until `release`. */
  async hold(): Promise<void> {
    this.#isHeld = true;
    this.#channel?.pause();
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
    this.#context.recent.stop();
  }

  /** Goes on after `hold`. */
  release(): void {
    this.#isHeld = false;
    this.#context.recent.go();
    this.#resumeIfRoom();
  }

  /**
   * What another server needs to go on for a copy of this machine: plain JSON, see `FuseServerOptions.state`. To be
   * called on hold, once the guest has sent and received as many bytes as `bytesIn` and `bytesOut` say.
   * @throws {GondolinError} SNAPSHOT_UNSUPPORTED naming the mount that cannot be saved, or when requests are under way.
   */
  exportState(): FuseState {
    if (this.#underWay > 0 || this.#decoder.pendingBytes > 0) {
      throw new GondolinError('SNAPSHOT_UNSUPPORTED', 'requests of the guest are under way', {
        hint: 'Please report this: the machine was to be saved before its file channel was quiet.',
      });
    }
    const [bytesIn, bytesOut] = [this.#bytesIn, this.#bytesOut];
    return saveServer(this.#context, { bytesIn, bytesOut, user: this.#user });
  }

  #reply(request: FuseRequest, errno: number, reply?: FuseReply): void {
    if (reply === 'none' || this.#isOver) return;
    const whole = reply !== undefined && 'whole' in reply ? reply.whole : null;
    // The guest asks no more than it can take: at most MAX_REQUESTS_UNDER_WAY answers wait here.
    this.#write(whole ?? encodeReply(request.unique, errno, reply as Buffer | undefined));
  }

  #write(message: Buffer): void {
    if (this.#channel?.writable !== true) return;
    this.#bytesOut += message.length;
    this.#channel.write(message);
  }

  #end(error: unknown): void {
    if (!GondolinError.is(error)) throw error;
    this.#isOver = true;
    this.#fail(error);
  }

  /** Closes what is open and stops the providers. May be called twice; never throws. */
  async close(): Promise<void> {
    this.#isOver = true;
    await this.#context.handles.clear().catch(() => undefined);
    for (const [name, { provider }] of this.#mounts) {
      this.#mounts.delete(name);
      await stopProvider(provider);
    }
  }
}

/** A provider that fails at its end cannot be helped any more: the VM is over. */
async function stopProvider(provider: VfsProvider): Promise<void> {
  try {
    await provider.stop();
  } catch {
    return;
  }
}
