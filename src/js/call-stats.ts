/**
 * Times and memory of the last call, as the guest measured them.
 *
 * @example
 * const { wallClockMs, cpuTimeMs, terminatedBy }: CallStats = loaded.lastCallStats;
 */
export interface CallStats {
  readonly wallClockMs: number;
  /** Processor time of the engine. Without KVM, that of a call without a CPU limit includes what its machine waited for the host. */
  readonly cpuTimeMs: number;
  /** The heap after the call, before its garbage collection. */
  readonly heapBytes: number;
  /** The limit that ended it; null when none did. */
  readonly terminatedBy: 'wall-clock' | 'cpu-time' | null;
}
