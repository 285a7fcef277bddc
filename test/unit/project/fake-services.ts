import type { DependencyConfig } from '../../../src/config/config.ts';
import { DEFAULT_HEALTHCHECK, DEFAULT_SERVICE } from '../../../src/config/defaults.ts';
import type { HealthcheckPlan, SandboxPlan, ServicePlan } from '../../../src/plan/plan.ts';
import { sandbox, step } from './fake-vm.ts';

export const shell = (script: string) => ({ kind: 'shell', script }) as const;

/** A sandbox with a service; its command `hang` runs until it gets a signal. */
export function service(
  name: string,
  given: Partial<ServicePlan> = {},
  dependsOn: readonly DependencyConfig[] = [],
): SandboxPlan {
  const own = { ...DEFAULT_SERVICE, command: shell('hang'), ...given, healthcheck: null };
  const check = given.healthcheck ?? null;
  return { ...sandbox(name, []), service: { ...own, healthcheck: check }, dependsOn };
}

export function job(name: string, script: string, ...needs: DependencyConfig[]): SandboxPlan {
  return { ...sandbox(name, [step('work', script)]), dependsOn: needs };
}

export function check(script: string, given: Partial<HealthcheckPlan> = {}): HealthcheckPlan {
  return { ...DEFAULT_HEALTHCHECK, intervalMs: 1, command: shell(script), ...given };
}

export const started = (name: string) => ({ name, condition: 'started' }) as const;
export const healthy = (name: string) => ({ name, condition: 'healthy' }) as const;
export const completed = (name: string) => ({ name, condition: 'completed' }) as const;
