import { invalidArgument } from './errors.ts';

/** A function of the host; its result, or what its promise resolves to, goes to the guest. */
// biome-ignore lint/suspicious/noExplicitAny: the caller knows what its handlers pass.
export type HostFunction = (...args: any[]) => unknown;

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const FUNCTION_NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/;

/** The functions that handlers import from `host:NAME`. */
export class HostFunctions {
  readonly #modules = new Map<string, Map<string, HostFunction>>();

  /** @throws {GondolinError} ERR_INVALID_ARG */
  static checkModule(name: string): void {
    if (typeof name !== 'string' || !NAME.test(name)) {
      throw invalidArgument(
        `module name: got ${JSON.stringify(name)}, want letters, digits, _ and -`,
      );
    }
  }

  /** @throws {GondolinError} ERR_INVALID_ARG */
  static checkFunction(module: string, name: string, callback: HostFunction): void {
    HostFunctions.checkModule(module);
    if (typeof name !== 'string' || !FUNCTION_NAME.test(name)) {
      throw invalidArgument(
        `function name: got ${JSON.stringify(name)}, want a name of JavaScript`,
      );
    }
    if (typeof callback !== 'function') {
      throw invalidArgument(`callback of ${name}: got ${typeof callback}, want a function`);
    }
  }

  /** Another function of the name is replaced. */
  register(module: string, name: string, callback: HostFunction): void {
    const functions = this.#modules.get(module) ?? new Map<string, HostFunction>();
    this.#modules.set(module, functions.set(name, callback));
  }

  /** Module names to the names of their functions. */
  names(): Record<string, string[]> {
    return Object.fromEntries(
      [...this.#modules].map(([module, functions]) => [module, [...functions.keys()]]),
    );
  }

  /** Returns the first of `wanted` that is not there, as `host:MODULE.FUNCTION`; null when all are. */
  missing(wanted: Readonly<Record<string, readonly string[]>>): string | null {
    for (const [module, functions] of Object.entries(wanted)) {
      const found = functions.find((name) => this.#modules.get(module)?.has(name) !== true);
      if (found !== undefined) return `host:${module}.${found}`;
    }
    return null;
  }

  /** Calls one; the names are a guest's. */
  call(module: string, name: string, args: readonly unknown[]): unknown {
    const callback = this.#modules.get(module)?.get(name);
    if (callback === undefined) throw new Error(`the host has no function ${module}.${name}`);
    return callback(...args);
  }
}
