import { type Decoder, integer, nullable, number, object } from '../util/json-decoder.ts';

/** Resources as a guest reports them, which may be wrong. */
export interface GuestUsage {
  readonly memoryBytes: number;
  /** Memory that programs can get without swapping, in bytes. */
  readonly availableBytes: number;
  /** Processes that ran or wanted to, on average over the last minute. */
  readonly load: number;
}

/** Resources that a VM uses. */
export interface SessionStats {
  /** Time since its start, in milliseconds. */
  readonly uptimeMs: number;
  /** Memory of QEMU, in bytes: the guest's memory that was used so far, and its own. */
  readonly memoryBytes: number;
  /** Processor time of QEMU, in milliseconds. */
  readonly cpuMs: number;
  /** Commands that were started in it. */
  readonly execCount: number;
  /** Detached commands that are running. */
  readonly detachedCount: number;
  /** null when the guest did not answer in time. */
  readonly guest: GuestUsage | null;
}

export const sessionStats: Decoder<SessionStats> = object<SessionStats>({
  uptimeMs: number,
  memoryBytes: integer(),
  cpuMs: integer(),
  execCount: integer(),
  detachedCount: integer(),
  guest: nullable(
    object<GuestUsage>({ memoryBytes: integer(), availableBytes: integer(), load: number }),
  ),
});

/** Reads the texts of /proc/meminfo and /proc/loadavg of a guest, one after the other; null when they are something else. Pure. */
export function parseGuestUsage(text: string): GuestUsage | null {
  const kb = (name: string) => new RegExp(`^${name}:\\s*(\\d{1,12}) kB$`, 'm').exec(text)?.[1];
  const [total, available] = [kb('MemTotal'), kb('MemAvailable')];
  const load = /^(\d{1,6}\.\d\d) \d/m.exec(text)?.[1];
  if (total === undefined || available === undefined || load === undefined) return null;
  return {
    memoryBytes: Number(total) * 1024,
    availableBytes: Number(available) * 1024,
    load: Number(load),
  };
}
