import type { AgentClient } from '../../agent/agent-client.ts';
import type { Frozen } from '../../protocol/guest-message.ts';
import type { FuseServer } from '../../vfs/fuse-server.ts';
import { freezeQuiet } from './saved-mounts.ts';

/** The parts of a guest that are paused while it is saved: its processes, and the server of its mounts if it has one. */
export interface FreezableGuest {
  readonly agent: Pick<AgentClient, 'freeze' | 'thaw'>;
  readonly fuse: Pick<FuseServer, 'bytesIn' | 'bytesOut' | 'quiesce' | 'resume'> | null;
}

/**
 * Runs `work` while a guest and its mounts are paused, then resumes them, also after a failure.
 * @param identity  Returns the identity that the guest gets when it is resumed.
 * @returns `rejected` when the guest could not be paused or `work` failed; it was resumed all the same.
 * @throws {GondolinError} when the guest cannot be resumed.
 */
export async function whileFrozen<T>(
  { agent, fuse }: FreezableGuest,
  identity: () => Parameters<AgentClient['thaw']>[0],
  work: (frozen: Frozen) => Promise<T>,
): Promise<PromiseSettledResult<T>> {
  const [outcome] = await Promise.allSettled([freezeQuiet(agent, fuse).then(work)]);
  fuse?.resume();
  await agent.thaw(identity(), false);
  return outcome;
}
