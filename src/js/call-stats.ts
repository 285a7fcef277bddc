/**
 * Times and memory of the last call, as the guest measured them.
 *
 * @example
 * const { wallClockMs, cpuTimeMs, terminatedBy }: CallStats = loaded.lastCallStats;
 */
export interface CallStats {
  readonly wallClockMs: number;
  /** Processor time of the engine. */
  readonly cpuTimeMs: number;
  /** The heap after the call, before its garbage collection. */
  readonly heapBytes: number;
  /** The limit that ended it; null when none did. */
  readonly terminatedBy: 'wall-clock' | 'cpu-time' | null;
}
