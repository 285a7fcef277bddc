import type { RunningGuest } from './start/start.ts';

/** Time limit for a closing guest to sync before QEMU is killed. */
const SHUTDOWN_LIMIT_MS = 5_000;

/** Lets a guest write what it has not written yet to its mounts. Never rejects: the caller ends a guest that cannot do it. */
export async function shutDown({ agent, machine }: RunningGuest): Promise<void> {
  const limit = new Promise<void>((resolve) => setTimeout(resolve, SHUTDOWN_LIMIT_MS).unref());
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
