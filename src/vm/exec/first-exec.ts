import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RunningCommand } from './running-command.ts';

/** The command that who was given a VM starts before anything else happens. */
export class FirstExec {
  #ended: Promise<void> | null = null;

  /** @param started  Not the `ExecProcess`: its `then()` takes the output that nobody reads yet. */
  set(started: Promise<Pick<RunningCommand, 'exited'>>): void {
    if (this.#ended !== null) return;
    const nothing = () => undefined;
    this.#ended = started.then(({ exited }) => exited).then(nothing, nothing);
  }

  /** Resolves once it has ended; if none was started in this turn of the event loop, after it. Never rejects. */
  async ended(): Promise<void> {
    await nextTurn();
    await this.#ended;
  }
}
