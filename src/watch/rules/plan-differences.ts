import { isDeepStrictEqual } from 'node:util';
import type { Plan, SandboxPlan } from '../../plan/plan.ts';

/** The difference of a sandbox between two plans. */
export interface SandboxDifference {
  readonly sandbox: SandboxPlan;
  /** First step whose work is another one; the number of steps stands for the service. Null when nothing that runs differs. */
  readonly from: number | null;
  /** Its machine is another one: image, size, volumes, network. */
  readonly isOther: boolean;
}

function firstOther({ steps: before, service }: SandboxPlan, after: SandboxPlan): number | null {
  const { steps } = after;
  const other = steps.findIndex((step, index) => !isDeepStrictEqual(step, before[index]));
  if (other >= 0) return other;
  const isSame = steps.length === before.length && isDeepStrictEqual(service, after.service);
  return isSame ? null : steps.length;
}

function withoutWork({ steps, service, watch, ...rest }: SandboxPlan) {
  return rest;
}

/** Returns the sandboxes of the new plan, each with what differs; one that is new runs from its first step. */
export function planDifferences(before: Plan, after: Plan): SandboxDifference[] {
  return after.sandboxes.map((sandbox) => {
    const known = before.sandboxes.find(({ name }) => name === sandbox.name);
    if (known === undefined) return { sandbox, from: 0, isOther: true };
    const isOther = !isDeepStrictEqual(withoutWork(known), withoutWork(sandbox));
    return { sandbox, from: isOther ? 0 : firstOther(known, sandbox), isOther };
  });
}
