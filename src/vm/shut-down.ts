import type { RunningGuest } from './start/start.ts';

/** Time limit for a closing guest to sync before QEMU is killed. */
const SHUTDOWN_LIMIT_MS = 5_000;
/** Much more may be cached of a disk than of a host mount. */
const DISK_SHUTDOWN_LIMIT_MS = 60_000;

/** Lets a guest write what it has not written yet to its mounts and disks. Never rejects: the caller ends a guest that cannot do it. */
export async function shutDown({ agent, machine }: RunningGuest): Promise<void> {
  const hasDisks = (machine.spec.disks ?? []).length > 0;
  const limitMs = hasDisks ? DISK_SHUTDOWN_LIMIT_MS : SHUTDOWN_LIMIT_MS;
  const limit = new Promise<void>((resolve) => setTimeout(resolve, limitMs).unref());
  // Everything is written when the agent replies; its own shutdown would only take longer.
  const off = Promise.race([agent.shutdown(), machine.exited]);
  await Promise.race([
    off.then(
      () => undefined,
      () => undefined,
    ),
    limit,
  ]);
}
