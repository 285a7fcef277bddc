import { DEFAULT_STEP } from '../config/defaults.ts';
import type { Plan, StepPlan } from '../plan/plan.ts';

/** Name of the one step of an ad-hoc run. */
const AD_HOC_STEP = 'command';

/**
 * The same plan with one command in place of the steps of every sandbox it holds. The command runs where a step
 * would: the sandbox's user, environment, mounts and workspace, and its timeout.
 */
export function adHocPlan(plan: Plan, argv: readonly string[]): Plan {
  const sandboxes = plan.sandboxes.map((sandbox) => {
    const step: StepPlan = {
      ...DEFAULT_STEP,
      name: AD_HOC_STEP,
      command: { kind: 'argv', argv },
      cwd: sandbox.vm.workspace,
    };
    return { ...sandbox, steps: [step] };
  });
  return { ...plan, sandboxes };
}
