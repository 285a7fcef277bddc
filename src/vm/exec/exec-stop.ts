import { constants } from 'node:os';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { RunningCommand } from './running-command.ts';

/** Time limit for a killed command to end; its caller then gets the error anyway. */
export const STOP_GRACE_MS = 5_000;

/**
 * Ends a command for a reason of the host. The guest cannot delay the caller: a command that has not ended after the grace
 * period is abandoned.
 */
export class ExecStop {
  /**
   * Rejects with the reason when a stopped command has not ended, or not even started, after {@link STOP_GRACE_MS}.
   */
  readonly givenUp: Promise<never>;
  readonly #started: Promise<RunningCommand>;
  readonly #onSurvivor: (error: GondolinError) => void;
  #giveUp: (reason: GondolinError) => void = () => undefined;
  #reason: GondolinError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #killed: Promise<void> = Promise.resolve();

  /**
   * @param onSurvivor  Receives the reason when the guest did not confirm that every process of the command is dead.
   */
  constructor(started: Promise<RunningCommand>, onSurvivor: (error: GondolinError) => void) {
    this.#started = started;
    this.#onSurvivor = onSurvivor;
    this.givenUp = new Promise<never>((_, reject) => {
      this.#giveUp = reject;
    });
    this.givenUp.catch(() => undefined);
  }

  /** Reason why the command was stopped; undefined if it was not. */
  get reason(): GondolinError | undefined {
    return this.#reason;
  }

  /** Kills the command with all its descendants; the first reason counts. */
  stop(reason: GondolinError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#timer = setTimeout(() => this.#giveUp(reason), STOP_GRACE_MS);
    // A command that starts later is killed then. A failure to start, or the end of the VM, leaves nothing to kill.
    this.#killed = this.#started
      .then((command) => command.kill(constants.signals.SIGKILL, 'tree'))
      .catch((error: unknown) => {
        if (GondolinError.is(error) && SURVIVED.has(error.code)) this.#onSurvivor(error);
      });
  }

  /**
   * Resolves once every process of a stopped command is dead: the command itself can exit before its descendants. Resolves
   * as well when the kill failed, which `onSurvivor` reports.
   */
  get killed(): Promise<void> {
    return this.#killed;
  }

  /** Records that the command has ended, so that it is not abandoned. */
  dispose(): void {
    clearTimeout(this.#timer);
  }
}

/** Error of `RunningCommand.kill` when processes of the command may still run. */
const SURVIVED: ReadonlySet<string> = new Set(['AGENT_TIMEOUT', 'AGENT_REQUEST_FAILED']);
