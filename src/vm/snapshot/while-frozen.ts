import type { AgentClient } from '../../agent/agent-client.ts';
import type { FuseServer } from '../../vfs/fuse-server.ts';
import { freezeQuiet } from './saved-mounts.ts';

/** What of a guest comes to rest: its processes, and the server of its mounts when there is one. */
export interface FreezableGuest {
  readonly agent: Pick<AgentClient, 'freeze' | 'thaw'>;
  readonly fuse: Pick<FuseServer, 'bytesIn' | 'bytesOut' | 'quiesce' | 'resume'> | null;
}

/**
 * Does `work` while a guest and its mounts are at rest, then lets it go on, however that went.
 * @param identity  Who it is from then on.
 * @returns `rejected` when it did not come to rest or `work` failed: it goes on all the same.
 * @throws {GondolinError} when it does not go on.
 */
export async function whileFrozen<T>(
  { agent, fuse }: FreezableGuest,
  identity: () => Parameters<AgentClient['thaw']>[0],
  work: () => Promise<T>,
): Promise<PromiseSettledResult<T>> {
  const [outcome] = await Promise.allSettled([freezeQuiet(agent, fuse).then(work)]);
  fuse?.resume();
  await agent.thaw(identity(), false);
  return outcome;
}
