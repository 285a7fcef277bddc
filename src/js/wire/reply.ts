import type { CallStats } from '../call-stats.ts';

const STATISTICS_BYTES = 24;

/** Why an engine ended before its reply (`enum death`). */
export const DEATHS = ['crash', 'heap', 'wall-clock', 'cpu-time', 'killed'] as const;
export type Death = (typeof DEATHS)[number];

export interface CallReply {
  readonly stats: Omit<CallStats, 'terminatedBy'>;
  /** The bytes after the statistics. */
  readonly rest: Buffer;
}

/** @throws {RangeError} for a payload that is too short. */
export function decodeCallReply(payload: Buffer): CallReply {
  const stats = {
    wallClockMs: Number(payload.readBigUInt64LE(0)) / 1000,
    cpuTimeMs: Number(payload.readBigUInt64LE(8)) / 1000,
    heapBytes: Number(payload.readBigUInt64LE(16)),
  };
  return { stats, rest: payload.subarray(STATISTICS_BYTES) };
}
