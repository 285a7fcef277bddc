import { readFileSync } from 'node:fs';

/** Resources that a process holds and has used. */
export interface ProcessUsage {
  /** Memory in RAM, in bytes. */
  readonly memoryBytes: number;
  /** Processor time of all its threads, in milliseconds. */
  readonly cpuMs: number;
}

/** Linux counts the times of /proc in hundredths of a second for every program (USER_HZ). */
const TICK_MS = 10;

/** Reads the texts of /proc/PID/stat and /proc/PID/status; null when they are something else. Pure. */
export function parseProcessUsage(stat: string, status: string): ProcessUsage | null {
  // The second field is the command's name in parentheses; it may itself hold spaces and parentheses.
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(afterName[11]) + Number(afterName[12]);
  const memoryKb = Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]);
  if (!Number.isSafeInteger(ticks) || !Number.isSafeInteger(memoryKb)) return null;
  return { memoryBytes: memoryKb * 1024, cpuMs: ticks * TICK_MS };
}

/** Returns what a process uses now; null when it has ended. */
export function readProcessUsage(pid: number): ProcessUsage | null {
  try {
    const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'latin1');
    return parseProcessUsage(read('stat'), read('status'));
  } catch {
    return null;
  }
}
