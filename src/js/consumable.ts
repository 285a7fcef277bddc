import { GondolinError } from '../errors/gondolin-error.ts';

/** The right to use an object once: the method that consumes it takes it at its call, before anything is waited for. */
export class Consumable {
  readonly #what: string;
  #isConsumed = false;

  /** @param what  The object in a message, e.g. `the builder`. */
  constructor(what: string) {
    this.#what = what;
  }

  /** @throws {GondolinError} ERR_CONSUMED */
  check(): void {
    if (!this.#isConsumed) return;
    throw new GondolinError('ERR_CONSUMED', `${this.#what} was consumed by an earlier call`);
  }

  /** @throws {GondolinError} ERR_CONSUMED for all but the first. */
  consume(): void {
    this.check();
    this.#isConsumed = true;
  }
}
