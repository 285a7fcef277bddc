import type { SandboxPlan, StepPlan } from './plan.ts';

/** Returns the steps of the same sandbox whose outputs a step uses. */
export function stepsUsed({ runOutputs, envOutputs }: StepPlan, sandbox: string): string[] {
  const texts = [...(runOutputs ?? []), ...Object.values(envOutputs)];
  return texts.flatMap((parts) =>
    parts.flatMap((part) =>
      typeof part !== 'string' && part.sandbox === sandbox ? [part.step] : [],
    ),
  );
}

/**
 * Returns the sandbox with only the named steps and all that they need or whose outputs they use, in running order, and without its
 * service. Unknown names are ignored.
 */
export function selectSteps(sandbox: SandboxPlan, names: readonly string[]): SandboxPlan {
  const byName = new Map(sandbox.steps.map((step) => [step.name, step]));
  const wanted = new Set<string>();
  const want = (step: StepPlan | undefined) => {
    if (step === undefined || wanted.has(step.name)) return;
    wanted.add(step.name);
    for (const need of [...step.needs, ...stepsUsed(step, sandbox.name)]) want(byName.get(need));
  };
  for (const name of names) want(byName.get(name));
  const steps = sandbox.steps.filter(({ name }) => wanted.has(name));
  return { ...sandbox, steps, service: null };
}
