/** Time after which the next one begins although this one has not ended: it waits for something other than a processor. */
const TURN_MS = 250;
/** Time for what follows: a short first command takes a third of it, and who starts a long one must not hold up the others. */
const AFTER_MS = 50;

/**
 * Turns machines into VMs in order of arrival, as many at once as there are processors. Together they would all be slow, and a clock
 * that is set slowly has to be set again.
 */
export class HandOverTurns {
  readonly #places: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /**
   * Runs `work` in its turn.
   * @param after  What still belongs to the turn once the caller has the result; never rejects.
   */
  async run<T>(work: () => Promise<T>, after: (result: T) => Promise<void>): Promise<T> {
    await this.#take();
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      this.#leave();
    };
    let timer = setTimeout(end, TURN_MS);
    try {
      const result = await work();
      clearTimeout(timer);
      if (!isOver) timer = setTimeout(end, AFTER_MS);
      void after(result).then(end);
      return result;
    } catch (error) {
      end();
      throw error;
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
