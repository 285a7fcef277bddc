import { constants } from 'node:os';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { RunningCommand } from './running-command.ts';

/** How long a killed command may take to end before its caller is told all the same. */
export const STOP_GRACE_MS = 5_000;

/**
 * Ends a command for a reason of the host's. What the guest says or does not say cannot hold the caller up: one that is
 * still there after the grace is given up.
 */
export class ExecStop {
  /**
   * Rejects with the reason when a stopped command is not over, or not even started, after {@link STOP_GRACE_MS}.
   */
  readonly givenUp: Promise<never>;
  readonly #started: Promise<RunningCommand>;
  readonly #onSurvivor: (error: GondolinError) => void;
  #giveUp: (reason: GondolinError) => void = () => undefined;
  #reason: GondolinError | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param onSurvivor  Called with why the guest did not confirm that every process of the command is dead.
   */
  constructor(started: Promise<RunningCommand>, onSurvivor: (error: GondolinError) => void) {
    this.#started = started;
    this.#onSurvivor = onSurvivor;
    this.givenUp = new Promise<never>((_, reject) => {
      this.#giveUp = reject;
    });
    this.givenUp.catch(() => undefined);
  }

  /** Why the command was stopped; undefined while it was not. */
  get reason(): GondolinError | undefined {
    return this.#reason;
  }

  /** Kills the command with all its descendants; the first reason counts. */
  stop(reason: GondolinError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#timer = setTimeout(() => this.#giveUp(reason), STOP_GRACE_MS);
    // One that starts after all is killed then. A failure to start, or the end of the VM, leaves nothing to kill.
    this.#started
      .then((command) => command.kill(constants.signals.SIGKILL, 'tree'))
      .catch((error: unknown) => {
        if (GondolinError.is(error) && SURVIVED.has(error.code)) this.#onSurvivor(error);
      });
  }

  /** The command is over: nothing is to be given up any more. */
  dispose(): void {
    clearTimeout(this.#timer);
  }
}

/** What `RunningCommand.kill` rejects with when the processes may live. */
const SURVIVED: ReadonlySet<string> = new Set(['AGENT_TIMEOUT', 'AGENT_REQUEST_FAILED']);
