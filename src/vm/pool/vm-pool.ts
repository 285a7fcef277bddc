import { availableParallelism } from 'node:os';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { firstLineOf } from '../../util/first-line-of.ts';
import { debugLog } from '../debug-log.ts';
import { toArgv } from '../guest-command.ts';
import { normalizeOptions } from '../normalize-options.ts';
import { describedNetwork } from '../open-network.ts';
import type { GuestSource } from '../start/guest-source.ts';
import { hasStandardScratch } from '../start/mounts.ts';
import type { Spare } from '../start/spare.ts';
import { FIRST_COMMANDS } from '../start/warm-up.ts';
import type { VM } from '../vm.ts';
import { checkOptions, DEFAULT_MEMORY, memoryBytes, type VMOptions } from '../vm-options.ts';
import { HandOverTurns } from './hand-over-turns.ts';
import { checkMemory, vmsThatFit } from './memory-limit.ts';
import {
  type AcquireOptions,
  checkPoolOptions,
  machineOptions,
  mergeOptions,
  type PoolOptions,
} from './pool-options.ts';
import { ReadyPool } from './ready-pool.ts';

const DEFAULT_ACQUIRE_TIMEOUT_MS = 60_000;

/** Loaded with the first VM that waits, and asked for by each acquire: looking a module up again takes the loader a millisecond. */
let spareModule: Promise<typeof import('../start/spare.ts')> | undefined;
const loadSpare = () => {
  spareModule ??= import('../start/spare.ts');
  return spareModule;
};

type CreateVM = (options: VMOptions, source: GuestSource) => Promise<VM>;

/**
 * Machines that wait to become VMs: restored, warm, and without identity, mounts and network of a VM. Each is used for one
 * VM; another is started to replace it. They end with this process, and do not keep it alive.
 *
 * @example
 * await using pool = VM.pool({ size: 2 });
 * await using vm = await pool.acquire({ env: { NAME: 'world' } });
 * const { stdout } = await vm.exec('echo hello $NAME');
 */
export class VMPool implements AsyncDisposable {
  /** VMs that the pool keeps waiting. */
  readonly size: number;
  readonly #options: PoolOptions;
  readonly #create: CreateVM;
  readonly #ready: ReadyPool<Spare>;
  readonly #turns: HandOverTurns;

  /** @internal */
  constructor(options: PoolOptions, create: CreateVM) {
    checkPoolOptions(options);
    checkOptions(normalizeOptions(machineOptions(options)));
    this.size = options.size;
    this.#options = options;
    this.#create = create;
    const startsAtOnce = Math.max(2, availableParallelism());
    this.#turns = new HandOverTurns(startsAtOnce);
    const bytes = memoryBytes(options.memory ?? DEFAULT_MEMORY);
    if (options.maxVms === undefined) checkMemory(options.size, bytes);
    this.#ready = new ReadyPool({
      size: options.size,
      limit: options.maxVms ?? vmsThatFit(bytes),
      startsAtOnce,
      waitMs: options.acquireTimeoutMs ?? DEFAULT_ACQUIRE_TIMEOUT_MS,
      start: (signal) => this.#start(bytes, signal),
      onFailure: (error) => {
        const reason = firstLineOf(error);
        options.onWarning?.(`a waiting VM of the pool failed: ${reason}`);
      },
    });
  }

  /** VMs that wait now. */
  get idle(): number {
    return this.#ready.idle;
  }

  async #start(bytes: number, signal: AbortSignal): Promise<Spare> {
    checkMemory(1, bytes);
    const options = normalizeOptions({ ...machineOptions(this.#options), signal });
    const { startSpare } = await loadSpare();
    const warmUp = this.#options.warmUp?.map((command) => toArgv(command)) ?? FIRST_COMMANDS;
    return startSpare({ options, warmUp, log: debugLog(options) });
  }

  /**
   * Resolves once `size` VMs wait.
   * @throws {GondolinError} POOL_CLOSED; the error of a VM that could not be started.
   */
  ready(): Promise<void> {
    return this.#ready.ready();
  }

  /**
   * Makes a waiting machine a VM of its own: with a new identity, the present time, its mounts and its network. It is as one
   * of `VM.create` with the same options, and belongs to the caller, also after the pool was closed. When none waits, this
   * waits for one to start, and for a VM to be closed while there are `maxVms`; first come, first served.
   * @throws {GondolinError} POOL_CLOSED, POOL_EXHAUSTED, VM_NO_MEMORY, VM_BAD_OPTION, VM_START_ABORTED; as `VM.create`.
   */
  async acquire(own: AcquireOptions = {}): Promise<VM> {
    const options = mergeOptions(this.#options, own);
    checkOptions(normalizeOptions(options));
    this.#checkMachine(options);
    const spare = await this.#take(own.signal);
    try {
      const { handOver } = await loadSpare();
      const source: GuestSource = {
        image: async () => spare.image,
        start: (request) => handOver(spare, request),
      };
      const vm = await this.#turns.run(
        () => this.#create(options, source),
        (made) => made.firstExecEnded(),
      );
      void vm.ended.then(() => this.#ready.free());
      return vm;
    } catch (error) {
      await spare.end();
      this.#ready.free();
      throw error;
    } finally {
      this.#ready.settled();
    }
  }

  async #take(signal: AbortSignal | undefined): Promise<Spare> {
    try {
      return await this.#ready.take(signal);
    } catch (cause) {
      if (signal?.aborted !== true) throw cause;
      const message = 'start of the VM was cancelled';
      throw new GondolinError('VM_START_ABORTED', message, { cause });
    }
  }

  /** A VM must be as one of `VM.create`: what the waiting machine has already must fit. */
  #checkMachine(options: VMOptions): void {
    const machine = machineOptions(this.#options);
    if (hasStandardScratch(options) !== hasStandardScratch(machine)) {
      throw new GondolinError(
        'VM_BAD_OPTION',
        'option vfs: the waiting VMs have /tmp and /var/tmp already',
        { hint: 'Give `vfs.memory` to VM.pool(), or start this VM with VM.create().' },
      );
    }
    const has = (of: VMOptions) => describedNetwork(normalizeOptions(of)) !== null;
    if (has(machine) && !has(options)) {
      throw new GondolinError('VM_BAD_OPTION', 'option network: the waiting VMs have one', {
        hint: 'Give VM.pool() no network and acquire() the one of each VM.',
      });
    }
  }

  /**
   * Ends the VMs that wait; `acquire` rejects with POOL_CLOSED from now on. VMs that were acquired continue. May be called twice;
   * never throws.
   */
  close(): Promise<void> {
    return this.#ready.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
