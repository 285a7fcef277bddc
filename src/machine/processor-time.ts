import { readFileSync } from 'node:fs';
import type { QmpClient } from './qmp.ts';

/** Times of the only processor of a machine since its start, in milliseconds. */
export interface ProcessorTime {
  readonly ranMs: number;
  /** Time in which it could have run, and others had the host's processors. */
  readonly waitedMs: number;
}

const NS_PER_MS = 1e6;

/**
 * Finds the thread of QEMU that is the machine's processor. What is returned reads its time, and null when it has ended. On a kernel
 * that does not count these times they are zero.
 * @throws {GondolinError} as `QmpClient.execute`.
 * @see Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat"
 */
export async function openProcessorTime(
  pid: number,
  qmp: QmpClient,
): Promise<() => ProcessorTime | null> {
  const threadId = firstThreadId(await qmp.execute('query-cpus-fast'));
  const path = `/proc/${pid}/task/${threadId}/schedstat`;
  return () => {
    try {
      const [ranNs = 0, waitedNs = 0] = readFileSync(path, 'latin1').split(' ').map(Number);
      return { ranMs: ranNs / NS_PER_MS, waitedMs: waitedNs / NS_PER_MS };
    } catch {
      return null;
    }
  };
}

function firstThreadId(processors: unknown): number {
  const first: unknown = Array.isArray(processors) ? processors[0] : undefined;
  const id: unknown = Reflect.get(Object(first), 'thread-id');
  if (typeof id !== 'number') throw new TypeError("QEMU's monitor named no thread of a processor");
  return id;
}
