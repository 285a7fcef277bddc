import type { WatchConfig } from '../../../../src/config/config.ts';
import { DEFAULT_WATCH } from '../../../../src/config/defaults.ts';
import type { Plan, SandboxPlan } from '../../../../src/plan/plan.ts';
import { sandbox as fakeSandbox, step as fakeStep } from '../../project/fake-vm.ts';

/** Lines of `inputs:` in `/p/gondolin.yaml`. */
export function inputs(...patterns: string[]): SandboxPlan['steps'][number]['inputs'] {
  const at = { file: '/p/gondolin.yaml', line: 1, col: 1 };
  return patterns.map((pattern) => ({ pattern, directory: '/p', at }));
}

export function step(name: string, rest: Partial<SandboxPlan['steps'][number]> = {}) {
  return fakeStep(name, 'true', rest);
}

export function sandbox(
  steps: SandboxPlan['steps'],
  vm: Partial<SandboxPlan['vm']> = {},
  watch: Partial<WatchConfig> = {},
): SandboxPlan {
  const base = fakeSandbox('a', steps, vm);
  return { ...base, watch: { ...DEFAULT_WATCH, directory: '/p', ...watch } };
}

export function plan(...sandboxes: SandboxPlan[]): Plan {
  return {
    ...{ name: 'p', directory: '/p', configFiles: ['/p/gondolin.yaml'] },
    ...{ authorityFiles: ['/p/v.env'], hostCode: [], sandboxes },
  };
}
