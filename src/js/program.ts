import { internal, invalidArgument } from './errors.ts';

/** Modules that every handler may import. */
const BUILT_IN: Readonly<Record<string, string>> = {
  console:
    'export default globalThis.console; export const { log, info, warn, error, debug } = globalThis.console;',
  crypto:
    'export default globalThis.crypto; export const { createHash, createHmac, getRandomValues, randomUUID, timingSafeEqual } = globalThis.crypto;',
};

/** The modules and variables that a program finds beside its own. */
interface ProgramSurroundings {
  readonly hostModules: Readonly<Record<string, readonly string[]>>;
  /** The placeholders of secrets that `fetch` puts in; null without `fetch`. */
  readonly placeholders: Readonly<Record<string, string>> | null;
}

const NAMESPACE = /^[A-Za-z][A-Za-z0-9_-]*$/;

/** The handlers and modules of a sandbox that is not loaded yet. The callers check their arguments. */
export class Program {
  readonly #handlers = new Map<string, string>();
  readonly #modules = new Map<string, string>();
  #env: Readonly<Record<string, string>> = {};

  /** @throws {GondolinError} ERR_INTERNAL for a name that is taken. */
  addHandler(name: string, code: string): void {
    if (this.#handlers.has(name)) throw internal(`there is a handler '${name}' already`);
    const isModule = /\bexport\b/.test(code);
    this.#handlers.set(name, isModule ? code : `${code}\nexport { handler };`);
  }

  removeHandler(name: string): void {
    if (!this.#handlers.delete(name)) throw internal(`there is no handler '${name}'`);
  }

  clearHandlers(): void {
    this.#handlers.clear();
  }

  addModule(specifier: string, source: string): void {
    if (this.#modules.has(specifier)) throw internal(`there is a module '${specifier}' already`);
    this.#modules.set(specifier, source);
  }

  removeModule(specifier: string): void {
    if (!this.#modules.delete(specifier)) throw internal(`there is no module '${specifier}'`);
  }

  clearModules(): void {
    this.#modules.clear();
  }

  /** Sets the variables that handlers import from `gondolin:env`. */
  setEnv(env: Readonly<Record<string, string>>): void {
    this.#env = env;
  }

  /** Returns the payload of LOAD. */
  encode({ hostModules, placeholders }: ProgramSurroundings): Buffer {
    const env = JSON.stringify({ ...placeholders, ...this.#env });
    const modules = {
      ...BUILT_IN,
      'gondolin:env': `export default ${env};`,
      ...Object.fromEntries(this.#modules),
    };
    const hasFetch = placeholders !== null;
    return Buffer.from(
      JSON.stringify({ handlers: [...this.#handlers], modules, hostModules, hasFetch }),
    );
  }
}

/** @throws {GondolinError} ERR_INVALID_ARG */
export function moduleSpecifier(name: string, namespace: string): string {
  checkText('module name', name);
  if (
    typeof namespace !== 'string' ||
    !NAMESPACE.test(namespace) ||
    ['host', 'handler', 'gondolin'].includes(namespace)
  ) {
    throw invalidArgument(
      `module namespace: got ${JSON.stringify(namespace)}, want a word other than host, handler and gondolin`,
    );
  }
  return `${namespace}:${name}`;
}

/** @throws {GondolinError} ERR_INVALID_ARG */
export function checkText(what: string, text: string): void {
  if (typeof text !== 'string' || text === '' || text.includes('\0')) {
    throw invalidArgument(
      `${what}: got ${typeof text === 'string' ? JSON.stringify(text.slice(0, 100)) : typeof text}, want text`,
    );
  }
}
