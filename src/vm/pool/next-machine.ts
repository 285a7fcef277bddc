import { debugLog } from '../debug-log.ts';
import { normalizeOptions } from '../normalize-options.ts';
import type { GuestSource } from '../start/guest-source.ts';
import { hasStandardScratch } from '../start/mounts.ts';
import type { Spare } from '../start/spare.ts';
import { FIRST_COMMANDS } from '../start/warm-up.ts';
import { DEFAULT_MEMORY, memoryBytes, type VMOptions } from '../vm-options.ts';
import { checkMemory } from './memory-limit.ts';
import { ReadyPool } from './ready-pool.ts';

/** Time for a machine that is being started when it is asked for. */
const TAKE_LIMIT_MS = 120_000;

/** A machine that was taken: pass `source` to `VM.createInRole`, and say when the VM has started and ended. */
export interface TakenMachine {
  readonly source: GuestSource;
  /** The VM runs: the next machine may be started. */
  started(): void;
  /** Ends the machine if it has not become a VM. */
  discard(): Promise<void>;
}

/**
 * Keeps one machine waiting for the next VM of the same options: restored (from `from`, if there is one), warm, and with another one
 * started after it. Unlike those of `VM.pool`, its VMs may start from a saved machine, whose processes are frozen while it waits.
 */
export class NextMachine {
  readonly #ready: ReadyPool<Spare>;

  /** @param options  Those of the VMs; mounts, session and signal are of each VM. */
  constructor(options: VMOptions, onFailure: (error: unknown) => void) {
    const { signal: _signal, sessionLabel: _label, vfs, ...machine } = options;
    const own = {
      ...machine,
      ...(vfs?.memory === undefined ? {} : { vfs: { memory: vfs.memory } }),
    };
    const bytes = memoryBytes(options.memory ?? DEFAULT_MEMORY);
    this.#ready = new ReadyPool<Spare>({
      size: 1,
      limit: Number.MAX_SAFE_INTEGER,
      startsAtOnce: 1,
      waitMs: TAKE_LIMIT_MS,
      start: async (signal) => {
        checkMemory(1, bytes);
        const { startSpare } = await import('../start/spare.ts');
        const normal = normalizeOptions({ ...own, signal });
        return startSpare({ options: normal, warmUp: FIRST_COMMANDS, log: debugLog(normal) });
      },
      onFailure,
    });
  }

  /** True when a machine waits now. */
  get isReady(): boolean {
    return this.#ready.idle > 0;
  }

  /** Resolves once a machine waits. @throws the error of its start; POOL_CLOSED. */
  ready(): Promise<void> {
    return this.#ready.ready();
  }

  /**
   * Takes the machine that waits, or waits for it.
   * @throws the error of its start; {GondolinError} POOL_CLOSED, VM_NO_MEMORY; the signal's reason.
   */
  async take(signal: AbortSignal): Promise<TakenMachine> {
    const spare = await this.#ready.take(signal);
    let isStarted = false;
    const started = () => {
      if (isStarted) return;
      isStarted = true;
      this.#ready.settled();
      this.#ready.free();
    };
    return {
      source: {
        image: async () => spare.image,
        start: async (request) => {
          const { handOver } = await import('../start/spare.ts');
          return handOver(spare, request);
        },
      },
      started,
      discard: async () => {
        await spare.end();
        started();
      },
    };
  }

  /** Ends the machine that waits. Never throws. */
  close(): Promise<void> {
    return this.#ready.close();
  }
}

/** True when VMs of these options can come from a machine that waits: its /tmp is there before the volumes are, and it has no disks. */
export function canWait(options: VMOptions): boolean {
  const { vfs, ...rest } = options;
  if (Object.keys(vfs?.disks ?? {}).length > 0) return false;
  const machine = {
    ...rest,
    ...(vfs?.memory === undefined ? {} : { vfs: { memory: vfs.memory } }),
  };
  return hasStandardScratch(options) === hasStandardScratch(machine);
}
