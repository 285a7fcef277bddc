import { GondolinError } from '../../errors/gondolin-error.ts';
import type { Directories } from '../../host/directories.ts';
import { guestAgentPath } from '../../host/package-root.ts';
import { peekImage } from '../../image/peek-image.ts';
import type { Plan, SandboxPlan } from '../../plan/plan.ts';
import { referencesOf } from '../outputs/run-outputs.ts';
import { volumeIds } from '../volumes/sandbox-volumes.ts';
import { readChainFacts } from './chain-facts.ts';
import { type CacheState, hasCheckpoints, SandboxCheckpoints } from './sandbox-checkpoints.ts';

/** By sandbox name: whether a run would restore each step; null for a step that is not restored in any case. */
export type PlanCache = ReadonlyMap<string, readonly (CacheState | null)[]>;

/**
 * Finds what a run of the plan would restore, without changing anything. Sandboxes without checkpoints are left out.
 * @throws {GondolinError} PROJECT_INPUT_….
 */
export async function planCache(
  plan: Plan,
  directories: Pick<Directories, 'cache' | 'volumes'>,
): Promise<PlanCache> {
  const states = new Map<string, readonly (CacheState | null)[]>();
  for (const sandbox of plan.sandboxes.filter(hasCheckpoints)) {
    states.set(sandbox.name, await cacheStates(plan, sandbox, directories));
  }
  return states;
}

async function cacheStates(
  plan: Plan,
  sandbox: SandboxPlan,
  { cache: cacheDirectory, volumes }: Pick<Directories, 'cache' | 'volumes'>,
): Promise<(CacheState | null)[]> {
  const without = (reason: string) =>
    sandbox.steps.map(({ checkpoint }) => (checkpoint ? { isCached: false, reason } : null));
  if (referencesOf(sandbox).some((reference) => reference.sandbox !== sandbox.name)) {
    return without('it uses outputs of other sandboxes, which are known when those have run');
  }
  try {
    const options = { cacheDirectory, agentPath: guestAgentPath() };
    const image = await peekImage(sandbox.image.recipe, options);
    if (image === null) return without('its image must be built first');
    const ids = await volumeIds(plan, sandbox, volumes);
    const facts = await readChainFacts(sandbox.vm, image, cacheDirectory, ids);
    const checkpoints = await SandboxCheckpoints.open({ plan, sandbox, facts, cacheDirectory });
    return await checkpoints.states();
  } catch (error) {
    // A host without QEMU or the image can still print a plan.
    if (!GondolinError.is(error) || !/^(HOST|IMAGE)_/.test(error.code)) throw error;
    return without(error.message.split('\n')[0] ?? '');
  }
}
