import { setImmediate as nextTurn } from 'node:timers/promises';

/** The command that who was given a VM starts before anything else happens. */
export class FirstExec {
  #ended: Promise<void> | null = null;

  set(command: Promise<unknown>): void {
    this.#ended ??= command.then(
      () => undefined,
      () => undefined,
    );
  }

  /** Resolves once it has ended; if none was started in this turn of the event loop, after it. Never rejects. */
  async ended(): Promise<void> {
    await nextTurn();
    await this.#ended;
  }
}
