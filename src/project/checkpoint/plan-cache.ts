import { peekImage } from '../../image/peek-image.ts';
import type { Plan } from '../../plan/plan.ts';
import { chainFactsOf } from './chain-facts.ts';
import { type CacheState, hasCheckpoints, SandboxCheckpoints } from './sandbox-checkpoints.ts';

/** By sandbox name: for each step whether a run would restore it; null where that is no question. */
export type PlanCache = ReadonlyMap<string, readonly (CacheState | null)[]>;

/**
 * What a run of the plan would restore, found without changing anything. Sandboxes without checkpoints are not in it.
 * @throws {GondolinError} PROJECT_INPUT_…, IMAGE_…, HOST_….
 */
export async function planCache(
  plan: Plan,
  options: { readonly cacheDirectory: string; readonly agentPath: string },
): Promise<PlanCache> {
  const states = new Map<string, readonly (CacheState | null)[]>();
  for (const sandbox of plan.sandboxes.filter(hasCheckpoints)) {
    const { cacheDirectory } = options;
    const image = await peekImage(sandbox.image.recipe, options);
    if (image === null) {
      const unbuilt: CacheState = { isCached: false, reason: 'the image is to be built first' };
      states.set(
        sandbox.name,
        sandbox.steps.map(({ checkpoint }) => (checkpoint ? unbuilt : null)),
      );
      continue;
    }
    const facts = await chainFactsOf(sandbox.vm, image, cacheDirectory);
    const checkpoints = await SandboxCheckpoints.open({ plan, sandbox, facts, cacheDirectory });
    states.set(sandbox.name, await checkpoints.states());
  }
  return states;
}
