import type { Plan, SandboxPlan } from './plan.ts';

/**
 * Returns the plan with the chosen sandboxes and all that they depend on, in the order of the plan.
 * @param chosen  Sandboxes of the plan, some perhaps with fewer steps. The others are taken whole.
 */
export function withDependencies(plan: Plan, chosen: readonly SandboxPlan[]): Plan {
  const byName = new Map(plan.sandboxes.map((sandbox) => [sandbox.name, sandbox]));
  for (const sandbox of chosen) byName.set(sandbox.name, sandbox);
  const wanted = new Set<string>();
  const want = (name: string) => {
    if (wanted.has(name)) return;
    wanted.add(name);
    for (const dependency of byName.get(name)?.dependsOn ?? []) want(dependency.name);
  };
  for (const { name } of chosen) want(name);
  const sandboxes = [...byName.values()].filter(({ name }) => wanted.has(name));
  return { ...plan, sandboxes };
}
