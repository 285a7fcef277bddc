import { isDeepStrictEqual } from 'node:util';
import type { FunctionConfig } from '../config/config.ts';
import type { ProtoJSSandbox } from '../js/proto-sandbox.ts';
import { FunctionPool } from '../js/serve/function-pool.ts';
import { readFunction } from './function-source.ts';

/** Calls that wait for each sandbox. */
const WAITING_PER_SANDBOX = 64;

export interface ServedFunctionsOptions {
  /** Sandboxes of each function. */
  readonly size: number;
  readonly build: (config: FunctionConfig) => Promise<ProtoJSSandbox>;
  /** Receives a line for people about each function that is loaded, is gone or does not load. */
  readonly say: (line: string) => void;
}

/** The functions that a server has, and their sandboxes. */
export class ServedFunctions {
  /** By name. */
  readonly pools = new Map<string, FunctionPool>();
  readonly #configs = new Map<string, FunctionConfig>();
  readonly #options: ServedFunctionsOptions;

  constructor(options: ServedFunctionsOptions) {
    this.#options = options;
  }

  /** Adds a function, and starts its first sandbox. @throws what loading it throws: then it is not added. */
  async add(config: FunctionConfig): Promise<void> {
    const { size, build, say } = this.#options;
    const pool = new FunctionPool(await readFunction(config), {
      size,
      build: () => build(config),
      maxWaiting: size * WAITING_PER_SANDBOX,
    });
    try {
      await pool.warm();
    } catch (error) {
      await pool.close();
      throw error;
    }
    this.pools.set(config.name, pool);
    this.#configs.set(config.name, config);
    say(`ready: ${config.name}`);
  }

  /** Takes over what a changed project says. A function that does not load keeps its last version, a new one is not there. */
  async update(configs: readonly FunctionConfig[]): Promise<void> {
    const names = new Set(configs.map(({ name }) => name));
    const gone = [...this.#configs.keys()].filter((name) => !names.has(name));
    await Promise.all([
      ...gone.map((name) => this.#remove(name)),
      ...configs.map((config) => this.#change(config)),
    ]);
  }

  /** Loads the functions whose files are among these again. */
  async reload(paths: readonly string[]): Promise<void> {
    const changed = [...this.#configs.values()].filter(({ handlerPath }) =>
      paths.includes(handlerPath),
    );
    await Promise.all(changed.map((config) => this.#try(config, () => this.#replace(config))));
  }

  async close(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.close()));
  }

  async #change(config: FunctionConfig): Promise<void> {
    const last = this.#configs.get(config.name);
    if (last === undefined) await this.#try(config, () => this.add(config));
    else if (!isDeepStrictEqual(last, config)) await this.#try(config, () => this.#replace(config));
  }

  async #replace(config: FunctionConfig): Promise<void> {
    const { build, say } = this.#options;
    await this.pools.get(config.name)?.replace(await readFunction(config), () => build(config));
    this.#configs.set(config.name, config);
    say(`reloaded: ${config.name}`);
  }

  /** Calls that run end with their results; those that wait are refused. */
  async #remove(name: string): Promise<void> {
    const pool = this.pools.get(name);
    this.pools.delete(name);
    this.#configs.delete(name);
    this.#options.say(`removed: ${name}`);
    await pool?.close();
  }

  async #try({ name }: FunctionConfig, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.say(`not reloaded: ${name}: ${(error as Error).message}`);
    }
  }
}
