import type { AgentClient } from '../agent/agent-client.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { Machine } from '../machine/start-machine.ts';
import { FuseServer } from '../vfs/fuse-server.ts';
import { fileHooks } from './file-hooks.ts';
import { type GuestUser, knownUser, resolveGuestUser } from './guest-user.ts';
import type { DebugLog, VMOptions } from './vm-options.ts';

/** Bytes that a machine's file channel carried, each way. */
export interface ChannelCounts {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A source that no server has: the request starts the guest's file pump and mounts nothing. */
const NO_SOURCE = 'none';

/** The file server of a VM that is starting: created while QEMU loads, attached once the agent is connected. */
export class GuestFiles {
  readonly #options: VMOptions;
  readonly #log: DebugLog;
  #server: FuseServer | null = null;
  #starting: Promise<FuseServer> | null = null;
  #user: Promise<GuestUser> | null = null;
  #isAttached = false;

  constructor(options: VMOptions, log: DebugLog) {
    this.#options = options;
    this.#log = log;
  }

  /** Null until it was created. */
  get server(): FuseServer | null {
    return this.#server;
  }

  /** Returns the owner of host files and memory mounts; asks the guest once. @throws {GondolinError} AGENT_EXEC_BAD_USER */
  user(agent: AgentClient): Promise<GuestUser> {
    this.#user ??= resolveGuestUser(agent, this.#options.user ?? '');
    return this.#user;
  }

  /** Starts the providers early if the user's ids are known without asking the guest. */
  preload(): void {
    const user = knownUser(this.#options.user ?? '');
    if (user === null || Object.keys(this.#options.vfs?.mounts ?? {}).length === 0) return;
    // `attach` gets the same promise and reports its failure.
    this.#start(user).catch(() => undefined);
  }

  #start(user: GuestUser): Promise<FuseServer> {
    this.#starting ??= this.#startServer(user);
    return this.#starting;
  }

  async #startServer(user: GuestUser): Promise<FuseServer> {
    const provided = Object.entries(this.#options.vfs?.mounts ?? {});
    const mounts = provided.map(([path, provider], index) => ({
      name: String(index),
      path,
      provider,
    }));
    const server = new FuseServer({ mounts, user, ...fileHooks(this.#options, this.#log) });
    this.#server = server;
    await server.start();
    return server;
  }

  /**
   * Serves the mounts from now on. May be called again.
   * @param saved  Bytes that a restored machine's channel had carried when it was saved.
   * @throws {GondolinError} VFS_MOUNT_FAILED, AGENT_EXEC_BAD_USER.
   */
  async attach(agent: AgentClient, machine: Machine, saved?: ChannelCounts): Promise<FuseServer> {
    const server = await this.#start(await this.user(agent));
    if (!this.#isAttached) server.attach(machine.fs, saved, machine.replyDisk);
    this.#isAttached = true;
    return server;
  }

  /** Starts the guest's side of the file channel without a mount, so that a template includes that work. */
  async warm(agent: AgentClient, machine: Machine): Promise<void> {
    const server = await this.attach(agent, machine);
    const nothing = { source: NO_SOURCE, target: `/${NO_SOURCE}`, isReadonly: true };
    const started = agent.mountHost(nothing).catch((error: unknown) => {
      if (!GondolinError.is(error) || error.code !== 'AGENT_REQUEST_FAILED') throw error;
    });
    await Promise.race([started, server.failed.then((error) => Promise.reject(error))]);
  }
}
