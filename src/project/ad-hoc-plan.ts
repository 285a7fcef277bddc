import { DEFAULT_REPORTS, DEFAULT_STEP } from '../config/defaults.ts';
import type { Plan, StepPlan } from '../plan/plan.ts';

/** Name of the only step of an ad-hoc run. */
const AD_HOC_STEP = 'command';

/**
 * Returns the plan with one command in place of the steps of each sandbox. The command runs as a step would: with the
 * sandbox's user, environment, mounts, workspace and timeout.
 */
export function adHocPlan(plan: Plan, argv: readonly string[]): Plan {
  const sandboxes = plan.sandboxes.map((sandbox) => {
    const step: StepPlan = {
      ...DEFAULT_STEP,
      name: AD_HOC_STEP,
      command: { kind: 'argv', argv },
      cwd: sandbox.vm.workspace,
    };
    return { ...sandbox, steps: [step], service: null, artifacts: [], reports: DEFAULT_REPORTS };
  });
  return { ...plan, sandboxes };
}
