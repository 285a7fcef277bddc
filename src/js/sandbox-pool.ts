import { availableParallelism } from 'node:os';
import { GondolinError } from '../errors/gondolin-error.ts';
import { firstLineOf } from '../util/first-line-of.ts';
import { checkMemory } from '../vm/pool/memory-limit.ts';
import { type PoolItem, ReadyPool } from '../vm/pool/ready-pool.ts';
import { invalidArgument } from './errors.ts';
import { LoadedJSSandbox } from './loaded-sandbox.ts';

/**
 * Options of {@link SandboxPool}.
 *
 * @example
 * const options: SandboxPoolOptions = {
 *   size: 4,
 *   load: async () => {
 *     const sandbox = await (await new SandboxBuilder().build()).loadRuntime();
 *     sandbox.addHandler('double', 'function handler(n) { return 2 * n; }');
 *     return sandbox.getLoadedSandbox();
 *   },
 * };
 */
export interface SandboxPoolOptions {
  /** Sandboxes that wait, 1 to 256. */
  readonly size: number;
  /** Makes a sandbox with its handlers; each call must make another one. */
  readonly load: () => Promise<LoadedJSSandbox>;
  /** Sandboxes of the pool at once: waiting, starting and acquired, at least `size`. @default as many as the host has memory for */
  readonly maxSandboxes?: number;
  /** Time that `acquire` waits for a sandbox, in milliseconds. @default 60000 */
  readonly acquireTimeoutMs?: number;
  /** Receives the reason when a sandbox that nobody waits for cannot be made, or ends. @default nothing */
  readonly onWarning?: (message: string) => void;
}

/** Holds its sandbox until that is acquired: one that its user forgets must be free to end. */
class WaitingSandbox implements PoolItem {
  readonly failure: Promise<never>;
  #loaded: LoadedJSSandbox | null;

  constructor(loaded: LoadedJSSandbox) {
    this.#loaded = loaded;
    this.failure = loaded.ended.then(() => {
      throw new GondolinError('ERR_GUEST_ABORT', 'a sandbox ended while it waited');
    });
    this.failure.catch(() => undefined);
  }

  /** Call once. */
  take(): LoadedJSSandbox {
    const loaded = this.#loaded;
    this.#loaded = null;
    if (loaded === null) throw new Error('taken twice');
    return loaded;
  }

  async end(): Promise<void> {
    await this.#loaded?.dispose();
  }
}

const MAX_SIZE = 256;
const DEFAULT_ACQUIRE_TIMEOUT_MS = 60_000;
/** The longest time of Node's timers. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Loaded sandboxes that wait for their first call. Each is given to one caller, who disposes it; another one is made to replace it.
 * They end with this process, and do not keep it running.
 *
 * @example
 * await using pool = new SandboxPool({ size: 2, load });
 * await using loaded = await pool.acquire();
 * const result = await loaded.callHandler('double', 21);
 */
export class SandboxPool implements AsyncDisposable {
  /** Sandboxes that the pool keeps waiting. */
  readonly size: number;
  readonly #options: SandboxPoolOptions;
  readonly #ready: ReadyPool<WaitingSandbox>;
  /** Memory of each machine; known once there is one. */
  #machineBytes: number | null = null;

  /** @throws {GondolinError} ERR_INVALID_ARG */
  constructor(options: SandboxPoolOptions) {
    checkOptions(options);
    this.size = options.size;
    this.#options = options;
    this.#ready = new ReadyPool({
      noun: 'sandbox',
      size: options.size,
      limit: options.maxSandboxes ?? Number.POSITIVE_INFINITY,
      startsAtOnce: Math.max(2, availableParallelism()),
      waitMs: options.acquireTimeoutMs ?? DEFAULT_ACQUIRE_TIMEOUT_MS,
      start: () => this.#load(),
      onFailure: (error) => {
        const reason = firstLineOf(error);
        options.onWarning?.(`a waiting sandbox of the pool failed: ${reason}`);
      },
    });
  }

  /** Sandboxes that wait now. */
  get idle(): number {
    return this.#ready.idle;
  }

  /**
   * Resolves once `size` sandboxes wait.
   * @throws {GondolinError} POOL_CLOSED; what `load` throws; VM_NO_MEMORY.
   */
  ready(): Promise<void> {
    return this.#ready.ready();
  }

  /**
   * Gives a loaded sandbox, in the state that `load` left it in. It belongs to the caller, also after the pool was closed: `dispose()`
   * makes room for the next. When none waits, this waits for one to start; first come, first served.
   * @throws {GondolinError} POOL_CLOSED, POOL_EXHAUSTED; what `load` throws; VM_NO_MEMORY.
   */
  async acquire(): Promise<LoadedJSSandbox> {
    const loaded = (await this.#ready.take(undefined)).take();
    void loaded.ended.then(() => this.#ready.free());
    this.#ready.settled();
    return loaded;
  }

  /** Ends the sandboxes that wait; those that were acquired stay. May be called twice. */
  close(): Promise<void> {
    return this.#ready.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #load(): Promise<WaitingSandbox> {
    if (this.#machineBytes !== null) checkMemory(1, this.#machineBytes);
    const loaded = (await this.#options.load()) as unknown;
    if (!(loaded instanceof LoadedJSSandbox)) {
      throw invalidArgument('load: returned no loaded sandbox; return getLoadedSandbox()');
    }
    this.#machineBytes = loaded.machineBytes;
    return new WaitingSandbox(loaded);
  }
}

function checkOptions(options: SandboxPoolOptions): void {
  if (typeof options !== 'object' || options === null)
    throw invalidArgument('options: want an object');
  const { size, load, maxSandboxes = MAX_SIZE, acquireTimeoutMs = 1 } = options;
  if (typeof load !== 'function') throw invalidArgument('load: want a function');
  checkWhole('size', size, 1, MAX_SIZE);
  checkWhole('maxSandboxes', maxSandboxes, size, Number.MAX_SAFE_INTEGER);
  checkWhole('acquireTimeoutMs', acquireTimeoutMs, 1, MAX_TIMER_MS);
}

function checkWhole(option: string, value: number, from: number, to: number): void {
  if (Number.isInteger(value) && value >= from && value <= to) return;
  throw invalidArgument(
    `${option}: got ${String(value)}, want a whole number from ${from} to ${to}`,
  );
}
