import type { ProcessUsage } from '../host/process-usage.ts';

const FIRST_INTERVAL_MS = 500;
/** When there are as many, every second one is dropped and the interval doubles: a service of days has no more. */
const MAX_SAMPLES = 240;

/** The memory and processor time of QEMU at one moment. */
export interface UsageSample {
  /** Since the VM started. */
  readonly atMs: number;
  /** Memory of the host in RAM: the guest's memory that was used so far, and QEMU's own. */
  readonly memoryBytes: number;
  /** Processor time so far. */
  readonly cpuMs: number;
}

/** The host's memory and processor time that a sandbox's VM used over time. Plain data. */
export interface ResourceUsage {
  /** Sizes of the VM. */
  readonly cpus: number;
  readonly memoryLimitBytes: number;
  readonly peakMemoryBytes: number;
  readonly cpuMs: number;
  /** In order of time, at most 240. */
  readonly samples: readonly UsageSample[];
}

/** Looks again and again at what a VM uses, from `start()` to `stop()`. */
export class UsageSampler {
  readonly #read: () => ProcessUsage | null;
  readonly #startedAt: number;
  #samples: UsageSample[] = [];
  #intervalMs = FIRST_INTERVAL_MS;
  #peakMemoryBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param read  Returns what QEMU uses now; null when it has ended.
   * @param startedAt  When the VM started, by `performance.now()`.
   */
  constructor(read: () => ProcessUsage | null, startedAt: number) {
    this.#read = read;
    this.#startedAt = startedAt;
  }

  start(): void {
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), this.#intervalMs);
    this.#timer.unref();
  }

  #sample(): void {
    const usage = this.#read();
    if (usage === null) return;
    const atMs = Math.max(0, Math.round(performance.now() - this.#startedAt));
    this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes, usage.memoryBytes);
    this.#samples.push({ atMs, memoryBytes: usage.memoryBytes, cpuMs: usage.cpuMs });
    if (this.#samples.length >= MAX_SAMPLES) this.#thinOut();
  }

  #thinOut(): void {
    this.#samples = this.#samples.filter((_, at) => at % 2 === 0);
    this.#intervalMs *= 2;
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#sample(), this.#intervalMs);
    this.#timer.unref();
  }

  /** Takes a last sample. Returns null if QEMU was never seen. */
  stop(size: { readonly cpus: number; readonly memoryBytes: number }): ResourceUsage | null {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#sample();
    const last = this.#samples.at(-1);
    if (last === undefined) return null;
    return {
      cpus: size.cpus,
      memoryLimitBytes: size.memoryBytes,
      peakMemoryBytes: this.#peakMemoryBytes,
      cpuMs: last.cpuMs,
      samples: this.#samples,
    };
  }
}
