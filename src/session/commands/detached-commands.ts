import { GondolinError } from '../../errors/gondolin-error.ts';
import type { CommandEnd, SessionProcess } from '../session-vm.ts';
import { CommandLog, type OutputName } from './command-log.ts';
import { MAIN_COMMAND } from './main-command.ts';

/** Detached commands of one VM whose output is kept, running or not; the oldest that has ended makes room. */
export const MAX_DETACHED = 32;

/** A command that runs without a client. */
export interface DetachedCommand {
  /** Number in its VM, from 1. */
  readonly id: number;
  /** Process id in the guest. */
  readonly pid: number;
  readonly startedAtMs: number;
  readonly hasTerminal: boolean;
  readonly process: SessionProcess;
  readonly log: CommandLog;
  /** Resolves when it has ended and its output is in the log; rejects as `ExecProcess` does. */
  readonly ended: Promise<CommandEnd>;
  readonly isRunning: boolean;
}

/** Copies an output to the log, as fast as the command writes: nobody has to read it for the command to continue. */
async function record(process: SessionProcess, name: OutputName, log: CommandLog): Promise<void> {
  const stream = process[name];
  if (stream === null) return;
  // A stream that breaks does so with the command, whose end says why.
  const isOver = (async () => {
    for await (const chunk of stream) log.append(name, chunk as Buffer);
  })();
  await isOver.catch(() => undefined);
}

/** The detached commands of a VM. */
export class DetachedCommands {
  readonly #commands = new Map<number, DetachedCommand>();
  #lastId = 0;
  #main: DetachedCommand | null = null;

  /** Shows the command that the owner of the VM runs now, instead of its last one. */
  setMain(command: DetachedCommand): void {
    this.#main = command;
  }

  /** @throws {GondolinError} SESSION_LIMIT when as many commands as are kept still run. Call it before a new one is started. */
  makeRoom(): void {
    if (this.#commands.size < MAX_DETACHED) return;
    const over = [...this.#commands.values()].find(({ isRunning }) => !isRunning);
    if (over === undefined) {
      throw new GondolinError('SESSION_LIMIT', `${MAX_DETACHED} detached commands are running`);
    }
    this.#commands.delete(over.id);
  }

  /** Keeps a command that has just been started, and reads its output. */
  add(process: SessionProcess, pid: number, hasTerminal: boolean): DetachedCommand {
    const log = new CommandLog();
    this.#lastId += 1;
    const isRead = Promise.all([record(process, 'stdout', log), record(process, 'stderr', log)]);
    const state = { isRunning: true };
    const ended = isRead
      .then(() => process)
      .finally(() => {
        state.isRunning = false;
        log.close();
      });
    // A command that nobody waits for may fail, such as when its VM is closed.
    ended.catch(() => undefined);
    const command: DetachedCommand = {
      ...{ id: this.#lastId, pid, startedAtMs: Date.now(), hasTerminal, process, log, ended },
      get isRunning() {
        return state.isRunning;
      },
    };
    this.#commands.set(command.id, command);
    return command;
  }

  /**
   * The command with this number, 0 for the main one; without a number, the latest detached one, else the main one.
   * @throws {GondolinError} SESSION_COMMAND_NOT_FOUND
   */
  find(id: number | null): DetachedCommand {
    const latest = [...this.#commands.values()].at(-1) ?? this.#main;
    const numbered = id === MAIN_COMMAND ? this.#main : this.#commands.get(id ?? -1);
    const found = id === null ? latest : numbered;
    if (found !== null && found !== undefined) return found;
    const what =
      id === MAIN_COMMAND ? 'main command' : `detached command${id === null ? '' : ` ${id}`}`;
    throw new GondolinError('SESSION_COMMAND_NOT_FOUND', `the VM has no ${what}`);
  }

  get runningCount(): number {
    return [...this.#commands.values()].filter(({ isRunning }) => isRunning).length;
  }
}
