import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import { ERRNO } from '../protocol/errno.ts';
import { type FuseRequest, FuseRequestDecoder } from '../protocol/fuse-request.ts';
import type { FuseContext, FuseOperation, FuseReply } from './fuse/context.ts';
import { DIRECTORY_OPERATIONS } from './fuse/directory-operations.ts';
import { encodeReply } from './fuse/encode.ts';
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
  /** Guest user whom the host user's files belong to. */
  readonly user: Caller;
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
 * Order: `start`, `attach` once, `close`. A broken rule of the protocol settles `failed`; the caller ends the VM.
 */
export class FuseServer {
  /** Resolves with GUEST_PROTOCOL when the guest broke the protocol. Never rejects. */
  readonly failed: Promise<GondolinError>;
  readonly #options: FuseServerOptions;
  readonly #mounts = new Map<string, Mount>();
  readonly #context: FuseContext;
  readonly #decoder = new FuseRequestDecoder();
  #fail: (error: GondolinError) => void = () => undefined;
  #channel: Duplex | null = null;
  #underWay = 0;
  #isOver = false;

  constructor(options: FuseServerOptions) {
    this.#options = options;
    this.#context = { mounts: this.#mounts, ids: new NodeIds(), handles: new Handles() };
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  /** Starts the providers. @throws {GondolinError} VFS_MOUNT_FAILED naming the mount. */
  async start(): Promise<void> {
    for (const [index, { name, provider }] of this.#options.mounts.entries()) {
      try {
        const root = await provider.start(this.#options.user);
        this.#mounts.set(name, { name, provider, root, index });
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new GondolinError('VFS_MOUNT_FAILED', `mount ${index + 1} cannot be served: ${why}`, {
          cause,
        });
      }
    }
  }

  /** Takes over the file channel. Its end is no failure: the machine tells why it ended. */
  attach(channel: Duplex): void {
    this.#channel = channel;
    channel.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  #receive(chunk: Buffer): void {
    if (this.#isOver) return;
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
      if (this.#underWay <= MAX_REQUESTS_UNDER_WAY && this.#channel?.isPaused() === true) {
        this.#channel.resume();
      }
    }
  }

  #reply(request: FuseRequest, errno: number, reply?: FuseReply): void {
    if (reply === 'none' || this.#isOver || this.#channel?.writable !== true) return;
    const whole = reply !== undefined && 'whole' in reply ? reply.whole : null;
    // The guest asks no more than it can take: at most MAX_REQUESTS_UNDER_WAY answers wait here.
    this.#channel.write(whole ?? encodeReply(request.unique, errno, reply as Buffer | undefined));
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
