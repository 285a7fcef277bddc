import type { Plan, SandboxPlan } from '../plan.ts';
import { selectSteps } from '../select-steps.ts';
import { withDependencies } from '../with-dependencies.ts';
import { withShardVariables } from './shard-variables.ts';
import type { Shard, ShardWork } from './split-plan.ts';

function chosenPart(sandbox: SandboxPlan, { steps, part }: ShardWork): SandboxPlan {
  if (steps === null) return sandbox;
  const chosen = selectSteps(sandbox, steps);
  return { ...chosen, steps: withShardVariables(chosen.steps, part) };
}

/** Returns the part of a plan that one shard runs, with what it needs: steps of the same sandbox, and sandboxes. */
export function planForShard(plan: Plan, { work }: Shard): Plan {
  const byName = new Map(plan.sandboxes.map((sandbox) => [sandbox.name, sandbox]));
  const chosen = work.flatMap((part) => {
    const sandbox = byName.get(part.sandbox);
    return sandbox === undefined ? [] : [chosenPart(sandbox, part)];
  });
  return withDependencies(plan, chosen);
}
