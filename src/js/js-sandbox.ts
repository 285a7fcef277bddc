import { Consumable } from './consumable.ts';
import { LoadedJSSandbox } from './loaded-sandbox.ts';
import { checkText, moduleSpecifier, Program } from './program.ts';
import type { SandboxCore } from './sandbox-core.ts';

/** Namespace of modules that are added without one. */
const USER = 'user';

/**
 * A sandbox with the runtime and without handlers.
 *
 * @example
 * const sandbox: JSSandbox = await proto.loadRuntime();
 * sandbox.addHandler('greet', 'function handler(event) { return `Hello, ${event.name}!`; }');
 */
export class JSSandbox implements AsyncDisposable {
  readonly #core: SandboxCore;
  readonly #program: Program = new Program();
  readonly #use: Consumable = new Consumable('the sandbox');

  /** @internal */
  constructor(core: SandboxCore) {
    this.#core = core;
  }

  /**
   * Adds a handler: an ES module with a function `handler`, which is exported for code without an `export`.
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED; ERR_INTERNAL for a name that is taken.
   */
  addHandler(name: string, code: string): void {
    checkText('handler name', name);
    checkText('handler code', code);
    this.#use.check();
    this.#program.addHandler(name, code);
  }

  /** @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED; ERR_INTERNAL for a name that is not there. */
  removeHandler(name: string): void {
    checkText('handler name', name);
    this.#use.check();
    this.#program.removeHandler(name);
  }

  /** @throws {GondolinError} ERR_CONSUMED */
  clearHandlers(): void {
    this.#use.check();
    this.#program.clearHandlers();
  }

  /**
   * Adds a module that handlers import as `NAMESPACE:NAME`.
   * @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED; ERR_INTERNAL for a name that is taken.
   */
  addModule(name: string, source: string, namespace: string = USER): void {
    const specifier = moduleSpecifier(name, namespace);
    checkText('module source', source);
    this.#use.check();
    this.#program.addModule(specifier, source);
  }

  /** @throws {GondolinError} ERR_INVALID_ARG, ERR_CONSUMED; ERR_INTERNAL for a name that is not there. */
  removeModule(name: string, namespace: string = USER): void {
    const specifier = moduleSpecifier(name, namespace);
    this.#use.check();
    this.#program.removeModule(specifier);
  }

  /** @throws {GondolinError} ERR_CONSUMED */
  clearModules(): void {
    this.#use.check();
    this.#program.clearModules();
  }

  /** @internal Variables that handlers import from `gondolin:env`. */
  addEnv(env: Readonly<Record<string, string>>): void {
    this.#use.check();
    this.#program.setEnv(env);
  }

  /**
   * Loads the handlers, and consumes this object. Their top level runs for at most ten seconds.
   * @throws {GondolinError} ERR_CONSUMED; ERR_INTERNAL for code that does not load; ERR_CANCELLED, ERR_STACK_OVERFLOW and
   * ERR_GUEST_ABORT as for a call. The machine has ended then.
   */
  async getLoadedSandbox(): Promise<LoadedJSSandbox> {
    this.#use.consume();
    const { host, network } = this.#core.setup;
    return this.#core.inOrder(async () => {
      try {
        const placeholders = network?.placeholders ?? null;
        await this.#core.load(this.#program.encode({ hostModules: host.names(), placeholders }));
      } catch (error) {
        await this.#core.close();
        throw error;
      }
      return new LoadedJSSandbox(this.#core, (core) => new JSSandbox(core));
    });
  }

  /** Ends the machine. May be called twice. */
  dispose(): Promise<void> {
    return this.#core.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
