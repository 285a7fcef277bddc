import type { SandboxPlan, StepPlan } from './plan.ts';

/**
 * Returns the sandbox with only the named steps and all that they need, in running order, and without its service. Unknown names
 * are ignored.
 */
export function selectSteps(sandbox: SandboxPlan, names: readonly string[]): SandboxPlan {
  const byName = new Map(sandbox.steps.map((step) => [step.name, step]));
  const wanted = new Set<string>();
  const want = (step: StepPlan | undefined) => {
    if (step === undefined || wanted.has(step.name)) return;
    wanted.add(step.name);
    for (const need of step.needs) want(byName.get(need));
  };
  for (const name of names) want(byName.get(name));
  const steps = sandbox.steps.filter(({ name }) => wanted.has(name));
  return { ...sandbox, steps, service: null };
}
