import type { SandboxCore } from './sandbox-core.ts';

/**
 * Stops what a sandbox runs, from a timer, a signal handler or any other callback.
 *
 * @example
 * const timer = setTimeout(() => loaded.interruptHandle.kill(), 2000);
 */
export class InterruptHandle {
  readonly #core: SandboxCore;

  /** @internal */
  constructor(core: SandboxCore) {
    this.#core = core;
  }

  /** Stops the handler that runs: its call rejects with ERR_CANCELLED. Does nothing when none runs. */
  kill(): void {
    this.#core.interrupt();
  }
}
