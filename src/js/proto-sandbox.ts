import { Consumable } from './consumable.ts';
import { type HostFunction, HostFunctions } from './host-functions.ts';
import { JSSandbox } from './js-sandbox.ts';
import { SandboxCore } from './sandbox-core.ts';
import type { SandboxSetup } from './sandbox-setup.ts';

/**
 * Functions of one module, which handlers import from `host:NAME`.
 *
 * @example
 * proto.hostModule('math').register('add', (a: number, b: number) => a + b);
 */
export interface HostModule {
  /**
   * Adds a function: arguments and result are JSON values or bytes (`Uint8Array`). It may be async; the handler waits for it. What
   * it throws is thrown in the guest, as an `Error` with the message.
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED
   */
  register(name: string, callback: HostFunction): this;
}

/**
 * A sandbox without a runtime.
 *
 * @example
 * const proto: ProtoJSSandbox = await new SandboxBuilder().build();
 * const sandbox = await proto.loadRuntime();
 */
export class ProtoJSSandbox {
  readonly #setup: SandboxSetup;
  readonly #use = new Consumable('the proto sandbox');

  /** @internal */
  constructor(setup: SandboxSetup) {
    this.#setup = setup;
  }

  /** @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED */
  hostModule(name: string): HostModule {
    HostFunctions.checkModule(name);
    this.#use.check();
    const register = (functionName: string, callback: HostFunction) =>
      this.register(name, functionName, callback);
    return {
      register(functionName, callback) {
        register(functionName, callback);
        return this;
      },
    };
  }

  /**
   * Adds a function of the host, as `hostModule(module).register(name, callback)`.
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED
   */
  register(module: string, name: string, callback: HostFunction): this {
    HostFunctions.checkFunction(module, name, callback);
    this.#use.check();
    this.#setup.host.register(module, name, callback);
    return this;
  }

  /**
   * Loads the JavaScript runtime, and consumes this object.
   * @throws {GondolinError} ERR_CONSUMED; ERR_GUEST_ABORT, and what starting a VM throws.
   */
  async loadRuntime(): Promise<JSSandbox> {
    this.#use.consume();
    return new JSSandbox(await SandboxCore.start(this.#setup));
  }
}
