import { type CallHandlerOptions, encodeCall } from './call-options.ts';
import type { CallStats } from './call-stats.ts';
import { Consumable } from './consumable.ts';
import { invalidArgument, poisoned } from './errors.ts';
import { InterruptHandle } from './interrupt-handle.ts';
import type { JSSandbox } from './js-sandbox.ts';
import type { SandboxCore } from './sandbox-core.ts';
import { machineBytes } from './sizes.ts';
import { Snapshot } from './snapshot.ts';

// biome-ignore lint/suspicious/noExplicitAny: the caller knows what its handlers return.
type HandlerResult = any;

/**
 * A sandbox whose handlers can be called. Calls run one after another.
 *
 * @example
 * const loaded: LoadedJSSandbox = await sandbox.getLoadedSandbox();
 * const result = await loaded.callHandler('greet', { name: 'World' }, { cpuTimeoutMs: 500 });
 */
export class LoadedJSSandbox implements AsyncDisposable {
  readonly #core: SandboxCore;
  readonly #use = new Consumable('the loaded sandbox');
  /** Stops the handler that runs. */
  readonly interruptHandle: InterruptHandle;

  readonly #makeBare: (core: SandboxCore) => JSSandbox;

  /**
   * @internal
   * @param makeBare  Makes the sandbox that `unload` gives.
   */
  constructor(core: SandboxCore, makeBare: (core: SandboxCore) => JSSandbox) {
    this.#core = core;
    this.#makeBare = makeBare;
    this.interruptHandle = new InterruptHandle(core);
  }

  /** True after a call that did not end by itself: only `restore` and `unload` work then. */
  get poisoned(): boolean {
    return this.#core.isPoisoned;
  }

  /** @internal Resolves once its machine has ended, or all of them where there are several. */
  get ended(): Promise<void> {
    return this.#core.ended;
  }

  /** @internal Memory of its machine. */
  get machineBytes(): number {
    return machineBytes(this.#core.setup.sizes);
  }

  /** Times and memory of the last call; zeros before the first. */
  get lastCallStats(): CallStats {
    return this.#core.lastCallStats;
  }

  /**
   * Calls a handler with an event, any value that has a JSON form, and resolves with its result.
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED, ERR_POISONED; ERR_INTERNAL when the handler throws, has no result, or
   * is not there; ERR_CANCELLED, ERR_STACK_OVERFLOW and ERR_GUEST_ABORT, after which the sandbox is poisoned.
   */
  async callHandler(
    handlerName: string,
    eventData: unknown,
    options: CallHandlerOptions = {},
  ): Promise<HandlerResult> {
    const payload = encodeCall(handlerName, eventData, options, {
      maxEventBytes: this.#core.setup.sizes.inputBuffer,
    });
    this.#checkUsable();
    return this.#core.inOrder(async () => {
      this.#checkHealthy();
      return JSON.parse(await this.#core.call(payload, options)) as unknown;
    });
  }

  /**
   * Removes all handlers and what they left behind, and consumes this object.
   * @throws {GondolinError} ERR_CONSUMED
   */
  async unload(): Promise<JSSandbox> {
    this.#use.consume();
    return this.#core.inOrder(async () => {
      await this.#core.reset();
      return this.#makeBare(this.#core);
    });
  }

  /**
   * Keeps the state of now. A snapshot that nobody holds any more is freed.
   * @throws {GondolinError} ERR_CONSUMED, ERR_POISONED; ERR_INTERNAL when the guest has no memory for it.
   */
  async snapshot(): Promise<Snapshot> {
    this.#checkUsable();
    return this.#core.inOrder(async () => {
      this.#checkHealthy();
      return Snapshot.at(this.#core, await this.#core.snapshot());
    });
  }

  /**
   * Goes back to a snapshot of this build, also one of before an `unload`, with the handlers of then. One that `Snapshot.load` gave may
   * be of another process, whose build had the same sizes.
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED; ERR_GUEST_ABORT when the machine has ended, and its snapshots with it;
   * SNAPSHOT_REFUSED for a saved one that is damaged, or of another gondolin or machine.
   */
  async restore(snapshot: Snapshot): Promise<void> {
    if (!(snapshot instanceof Snapshot)) {
      throw invalidArgument('snapshot: want one of a sandbox of the same build');
    }
    snapshot.checkFor(this.#core);
    this.#use.check();
    return this.#core.inOrder(() => snapshot.restoreIn(this.#core));
  }

  /** Ends the machine. Calls that run or wait reject with ERR_GUEST_ABORT. May be called twice. */
  dispose(): Promise<void> {
    return this.#core.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #checkUsable(): void {
    this.#use.check();
    this.#checkHealthy();
  }

  #checkHealthy(): void {
    if (this.#core.isPoisoned) throw poisoned();
  }
}
