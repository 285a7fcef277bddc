import { DetachedCommands } from './commands/detached-commands.ts';
import { mainCommand } from './commands/main-command.ts';
import { MAX_REQUEST_BYTES } from './control-line.ts';
import { type ControlServer, openControlServer } from './control-server.ts';
import type { HostedSession, KeepOverlays, SaveSnapshot } from './request-kind.ts';
import { decodedRequest } from './request-table.ts';
import { makeSessionDirectory } from './session-directory.ts';
import type { OwnedFacts, SessionFacts } from './session-facts.ts';
import type { SessionProcess, SessionVm } from './session-vm.ts';

/** A VM of this process, as other commands of this user see it. */
export class VmSession implements HostedSession {
  readonly commands = new DetachedCommands();
  readonly saveSnapshot: SaveSnapshot | null;
  readonly keepOverlays: KeepOverlays | null;
  #facts: SessionFacts;
  #vm: SessionVm | null = null;
  /** Private to this user, and removed with the session, also after its owner was killed. */
  readonly directory: string;
  #server: ControlServer | undefined;

  private constructor(
    facts: SessionFacts,
    directory: string,
    saveSnapshot: SaveSnapshot | null,
    keepOverlays: KeepOverlays | null,
  ) {
    this.#facts = facts;
    this.directory = directory;
    this.saveSnapshot = saveSnapshot;
    this.keepOverlays = keepOverlays;
  }

  /**
   * Makes a VM that starts known to other commands.
   * @param sessions  `Directories.sessions`.
   * @throws {GondolinError} HOST_DIRECTORY_UNUSABLE; the system's error if the socket cannot be made.
   */
  static async open(
    sessions: string,
    owned: OwnedFacts,
    saveSnapshot: SaveSnapshot | null,
    keepOverlays: KeepOverlays | null = null,
  ): Promise<VmSession> {
    const { id, directory } = await makeSessionDirectory(sessions);
    const own = { id, pid: process.pid, state: 'starting', createdAtMs: Date.now() } as const;
    const session = new VmSession({ ...owned, ...own }, directory, saveSnapshot, keepOverlays);
    session.#server = await openControlServer(directory, {
      maxRequestBytes: MAX_REQUEST_BYTES,
      decoder: (value, field) => {
        const run = decodedRequest(value, field);
        return (connection) => run(session, connection);
      },
      keepsDirectory: false,
    });
    return session;
  }

  get facts(): SessionFacts {
    return this.#facts;
  }

  get vm(): SessionVm | null {
    return this.#vm;
  }

  /** The VM is ready for commands. */
  attach(vm: SessionVm): void {
    this.#vm = vm;
    this.#facts = { ...this.#facts, state: 'running' };
  }

  /** Shows a command of the VM's owner to others. Returns it with the streams that the owner is to use. */
  showMain(process: SessionProcess, hasTerminal: boolean): SessionProcess {
    const { own, started } = mainCommand(process, hasTerminal);
    process.pid.then(
      (pid) => this.commands.setMain(started(pid)),
      () => undefined,
    );
    return own;
  }

  /** Ends the connections, and removes what was made. */
  async close(): Promise<void> {
    await this.#server?.close();
  }
}
