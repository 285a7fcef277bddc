import { GondolinError } from '../../errors/gondolin-error.ts';
import { internal } from '../errors.ts';
import type { LoadedJSSandbox } from '../loaded-sandbox.ts';
import type { ProtoJSSandbox } from '../proto-sandbox.ts';
import type { Snapshot } from '../snapshot.ts';

/** A function as a project names it. */
export interface FunctionSource {
  readonly name: string;
  /** An ES module with a function `handler`. */
  readonly code: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface FunctionPoolOptions {
  /** Sandboxes at once, 1 or more. */
  readonly size: number;
  /** Calls that wait for a sandbox; the next is refused. */
  readonly maxWaiting: number;
  /** Makes a sandbox of the function's sizes. */
  readonly build: () => Promise<ProtoJSSandbox>;
}

interface Worker {
  readonly source: FunctionSource;
  readonly loaded: LoadedJSSandbox;
  /** The state after loading, for after a call that poisons. */
  readonly fresh: Snapshot;
}

/** The sandboxes of one function: started when calls need them, and kept for the next calls. */
export class FunctionPool {
  #source: FunctionSource;
  readonly #options: FunctionPoolOptions;
  #build: FunctionPoolOptions['build'];
  readonly #idle: Worker[] = [];
  readonly #waiting: ((worker: Worker | null) => void)[] = [];
  #started = 0;
  #isClosed = false;

  constructor(source: FunctionSource, options: FunctionPoolOptions) {
    this.#source = source;
    this.#options = options;
    this.#build = options.build;
  }

  /** Sandboxes that are there, working or not. */
  get sandboxes(): number {
    return this.#started;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Starts the first sandbox, so that a function that does not load is known at once. */
  async warm(): Promise<void> {
    this.#release(await this.#acquire());
  }

  /**
   * Loads another version, for calls that have no sandbox yet. Those of the last one end after their calls.
   * @param build  Makes its sandboxes. @default as those of the last one
   * @throws {GondolinError} what loading throws: the last version stays in use.
   */
  async replace(source: FunctionSource, build = this.#build): Promise<void> {
    const worker = await this.#load(source, build);
    if (this.#isClosed) {
      await worker.loaded.dispose();
      return;
    }
    this.#source = source;
    this.#build = build;
    const old = this.#idle.splice(0);
    this.#started += 1 - old.length;
    this.#release(worker);
    await Promise.all(old.map(({ loaded }) => loaded.dispose()));
  }

  /**
   * Calls the function.
   * @throws {GondolinError} as `callHandler`; FUNCTIONS_BUSY when too many calls wait, or the pool is closed.
   */
  async call(event: unknown): Promise<unknown> {
    const worker = await this.#acquire();
    try {
      const { timeoutMs, name } = worker.source;
      return await worker.loaded.callHandler(name, event, { wallClockTimeoutMs: timeoutMs });
    } finally {
      await this.#giveBack(worker);
    }
  }

  /** Ends the sandboxes. Calls that run reject with ERR_GUEST_ABORT. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const take of this.#waiting.splice(0)) take(null);
    await Promise.all(this.#idle.splice(0).map(({ loaded }) => loaded.dispose()));
  }

  async #acquire(): Promise<Worker> {
    if (this.#isClosed) throw this.#busy('the server stops');
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#started < this.#options.size) return this.#start();
    if (this.#waiting.length >= this.#options.maxWaiting) {
      throw this.#busy(`${this.#waiting.length} calls wait already`);
    }
    const worker = await new Promise<Worker | null>((take) => this.#waiting.push(take));
    if (worker === null) throw this.#busy('the server stops');
    return worker;
  }

  #busy(why: string): GondolinError {
    return new GondolinError('FUNCTIONS_BUSY', `function ${this.#source.name}: ${why}`);
  }

  async #start(): Promise<Worker> {
    this.#started += 1;
    try {
      return await this.#load(this.#source, this.#build);
    } catch (error) {
      this.#started -= 1;
      throw error;
    }
  }

  async #load(source: FunctionSource, build: FunctionPoolOptions['build']): Promise<Worker> {
    const { name, code, env } = source;
    const sandbox = await (await build()).loadRuntime();
    sandbox.addEnv(env);
    sandbox.addHandler(name, code);
    const loaded = await sandbox.getLoadedSandbox();
    return { source, loaded, fresh: await loaded.snapshot() };
  }

  /** One of an earlier version ends. A poisoned sandbox goes back to the state after loading; one whose machine has ended is replaced. */
  async #giveBack(worker: Worker): Promise<void> {
    if (worker.source !== this.#source) {
      await this.#end(worker);
      return;
    }
    try {
      if (worker.loaded.poisoned) await worker.loaded.restore(worker.fresh);
      this.#release(worker);
    } catch (error) {
      if (!GondolinError.is(error)) throw internal(String(error));
      await this.#end(worker);
    }
  }

  async #end({ loaded }: Worker): Promise<void> {
    this.#started -= 1;
    await loaded.dispose();
    if (this.#started < this.#options.size) this.#startForNext();
  }

  #release(worker: Worker): void {
    const next = this.#waiting.shift();
    if (next !== undefined) next(worker);
    else if (this.#isClosed) void worker.loaded.dispose();
    else this.#idle.push(worker);
  }

  #startForNext(): void {
    if (this.#waiting.length === 0) return;
    this.#start().then(
      (worker) => this.#release(worker),
      () => this.#waiting.shift()?.(null),
    );
  }
}
