/** Asks a service to start its command again, in the VM that it has. */
export class RestartRequests {
  #wanted = new AbortController();

  /** Aborts with the next request, with the time for the command to end in milliseconds, or null for its own. */
  get signal(): AbortSignal {
    return this.#wanted.signal;
  }

  request(graceMs: number | null): void {
    this.#wanted.abort(graceMs);
  }

  /** The request is carried out: the next signal is that of another one. */
  take(): void {
    if (this.#wanted.signal.aborted) this.#wanted = new AbortController();
  }
}
