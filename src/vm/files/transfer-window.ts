/** Requests of one reader or writer that are on their way at once. */
export const WINDOW = 8;

/** Lets a writer continue before its requests are done, up to a limit. */
export class TransferWindow {
  readonly #underWay = new Set<Promise<void>>();
  #error: unknown;
  #hasFailed = false;

  /** Adds a request. Resolves when there is room for the next one. @throws the first error of any request. */
  async add(request: Promise<void>): Promise<void> {
    const settled: Promise<void> = request
      .catch((error: unknown) => {
        if (!this.#hasFailed) this.#error = error;
        this.#hasFailed = true;
      })
      .finally(() => this.#underWay.delete(settled));
    this.#underWay.add(settled);
    while (this.#underWay.size >= WINDOW) await Promise.race(this.#underWay);
    this.#check();
  }

  /** Resolves when every request is done. @throws the first error of any. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#check();
  }

  #check(): void {
    if (this.#hasFailed) throw this.#error;
  }
}
