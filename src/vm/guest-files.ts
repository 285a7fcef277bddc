import type { AgentClient } from '../agent/agent-client.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { Machine } from '../machine/start-machine.ts';
import { FuseServer } from '../vfs/fuse-server.ts';
import { type GuestUser, knownUser, resolveGuestUser } from './guest-user.ts';
import type { VMOptions } from './vm-options.ts';

/** Bytes that went over a saved machine's file channel, each way. */
export interface ChannelCounts {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A source that no server has: asking for it starts the guest's file system and mounts nothing. */
const NO_SOURCE = 'none';

/** The file server of a VM that starts: made while QEMU loads, attached once the guest is there. */
export class GuestFiles {
  readonly #options: VMOptions;
  #server: FuseServer | null = null;
  #starting: Promise<FuseServer> | null = null;
  #user: Promise<GuestUser> | null = null;
  #isAttached = false;

  constructor(options: VMOptions) {
    this.#options = options;
  }

  /** Null as long as there is none. */
  get server(): FuseServer | null {
    return this.#server;
  }

  /** Whom host files and memory mounts belong to; the guest is asked once. @throws {GondolinError} AGENT_EXEC_BAD_USER */
  user(agent: AgentClient): Promise<GuestUser> {
    this.#user ??= resolveGuestUser(agent, this.#options.user ?? '');
    return this.#user;
  }

  /** Starts the providers ahead of need where the guest need not be asked who its user is. */
  preload(): void {
    const user = knownUser(this.#options.user ?? '');
    if (user === null || Object.keys(this.#options.vfs?.mounts ?? {}).length === 0) return;
    // Whoever attaches learns how it went.
    this.#start(user).catch(() => undefined);
  }

  #start(user: GuestUser): Promise<FuseServer> {
    this.#starting ??= this.#startServer(user);
    return this.#starting;
  }

  async #startServer(user: GuestUser): Promise<FuseServer> {
    const provided = Object.values(this.#options.vfs?.mounts ?? {});
    const mounts = provided.map((provider, index) => ({ name: String(index), provider }));
    const server = new FuseServer({ mounts, user });
    this.#server = server;
    await server.start();
    return server;
  }

  /**
   * Serves the mounts from now on. May be called again.
   * @param carried  What a restored machine's channel had carried when it was saved.
   * @throws {GondolinError} VFS_MOUNT_FAILED, AGENT_EXEC_BAD_USER.
   */
  async attach(agent: AgentClient, machine: Machine, carried?: ChannelCounts): Promise<FuseServer> {
    const server = await this.#start(await this.user(agent));
    if (!this.#isAttached) server.attach(machine.fs, carried);
    this.#isAttached = true;
    return server;
  }

  /** Starts the guest's side of the file channel without a mount, so that a template has it behind it. */
  async warm(agent: AgentClient, machine: Machine): Promise<void> {
    const server = await this.attach(agent, machine);
    const nothing = { source: NO_SOURCE, target: `/${NO_SOURCE}`, isReadonly: true };
    const asked = agent.mountHost(nothing).catch((error: unknown) => {
      if (!GondolinError.is(error) || error.code !== 'AGENT_REQUEST_FAILED') throw error;
    });
    await Promise.race([asked, server.failed.then((error) => Promise.reject(error))]);
  }
}
