import type { SandboxPlan } from '../../plan/plan.ts';

/** Returns the steps at which a change can begin a rerun by the inputs of steps: each up to the first that may read any file. */
function byInputs({ steps, service }: SandboxPlan): number[] {
  const open = steps.findIndex(({ inputs }) => inputs.length === 0);
  const last = open < 0 ? steps.length - 1 : open;
  const points = steps.slice(0, last + 1).map((_, index) => index);
  return open < 0 && service !== null ? [...points, steps.length] : points;
}

/**
 * Returns the indices of steps from which watch mode may run a sandbox again, in order; the number of steps stands for the service.
 * Each but 0 needs a machine saved before that step.
 */
export function startPoints(sandbox: SandboxPlan): number[] {
  const { steps, service, watch } = sandbox;
  const ofRules = watch.rules.flatMap(({ action, from }) => {
    if (action === 'restart') return [steps.length];
    if (action !== 'rerun') return [];
    return from === null ? byInputs(sandbox) : [steps.findIndex(({ name }) => name === from)];
  });
  const points = watch.rules.length === 0 ? byInputs(sandbox) : ofRules;
  const last = service === null ? steps.length - 1 : steps.length;
  const known = points.filter((index) => index >= 0 && index <= last);
  return [...new Set([0, ...known])].toSorted((a, b) => a - b);
}
