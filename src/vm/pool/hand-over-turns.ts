/** Time after which the next one begins although this one has not ended: it waits for something other than a processor. */
const TURN_MS = 250;

/**
 * Lets as many machines become VMs at once as there are processors, in order of arrival. All at once each would be slow, and one
 * whose clock takes too long to set has to set it again.
 */
export class HandOverTurns {
  readonly #places: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** Runs `work` in its turn. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#take();
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      this.#leave();
    };
    const timer = setTimeout(end, TURN_MS);
    try {
      return await work();
    } finally {
      end();
    }
  }

  #take(): Promise<void> {
    if (this.#taken < this.#places) {
      this.#taken++;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken--;
    else next();
  }
}
