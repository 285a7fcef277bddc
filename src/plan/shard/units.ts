import type { Plan, SandboxPlan, StepPlan } from '../plan.ts';
import { stepsUsed } from '../select-steps.ts';

/** Something that exactly one shard runs, or all shards of its sandbox together. */
export type ShardUnit =
  /** A sandbox that is not split. */
  | { readonly kind: 'sandbox'; readonly sandbox: SandboxPlan }
  /** A step of a sandbox that is split. */
  | { readonly kind: 'step'; readonly sandbox: SandboxPlan; readonly step: StepPlan }
  /** The steps that run in every shard of a sandbox that is split. */
  | { readonly kind: 'every'; readonly sandbox: SandboxPlan; readonly steps: readonly StepPlan[] };

/** A step that only watches how the others end: it belongs to every shard of its sandbox, and is not counted. */
export function isCompanion({ when, needs, inEveryShard }: StepPlan): boolean {
  return when !== 'on_success' && needs.length === 0 && !inEveryShard;
}

function unitsOfSplit(sandbox: SandboxPlan): ShardUnit[] {
  const needed = new Set(
    sandbox.steps.flatMap((step) => [...step.needs, ...stepsUsed(step, sandbox.name)]),
  );
  const free = sandbox.steps.filter(({ name }) => !needed.has(name));
  const every = sandbox.steps.filter(({ inEveryShard }) => inEveryShard);
  const single = free.filter((step) => !step.inEveryShard && !isCompanion(step));
  if (every.length + single.length === 0) return [{ kind: 'sandbox', sandbox }];
  return [
    ...(every.length === 0 ? [] : [{ kind: 'every', sandbox, steps: every } as const]),
    ...single.map((step) => ({ kind: 'step', sandbox, step }) as const),
  ];
}

/**
 * Returns the sandboxes that shards are made of: those on which no other depends. The others run in each shard that needs them,
 * and so do services that nothing needs, as long as there is other work.
 */
function freeSandboxes({ sandboxes }: Plan): {
  readonly work: readonly SandboxPlan[];
  readonly services: readonly SandboxPlan[];
} {
  const needed = new Set(sandboxes.flatMap(({ dependsOn }) => dependsOn.map(({ name }) => name)));
  const free = sandboxes.filter(({ name }) => !needed.has(name));
  const work = free.filter(({ service }) => service === null);
  if (work.length === 0) return { work: free, services: [] };
  return { work, services: free.filter(({ service }) => service !== null) };
}

/** Returns the units of a plan, and the services that run beside one of them. Pure. */
export function unitsOf(plan: Plan): {
  readonly units: readonly ShardUnit[];
  readonly services: readonly SandboxPlan[];
} {
  const { work, services } = freeSandboxes(plan);
  const units = work.flatMap((sandbox): ShardUnit[] =>
    sandbox.shards > 1 ? unitsOfSplit(sandbox) : [{ kind: 'sandbox', sandbox }],
  );
  return { units, services };
}

/** Returns how many shards a plan can use: in more of them some would have nothing to do. At least 1. */
export function mostShards(plan: Plan): number {
  const { units } = unitsOf(plan);
  const shardsOf = (sandbox: SandboxPlan): number => {
    const own = units.filter((unit) => unit.sandbox === sandbox);
    if (own.some(({ kind }) => kind === 'every')) return sandbox.shards;
    return Math.min(sandbox.shards, own.length);
  };
  return Math.max(
    1,
    plan.sandboxes.reduce((sum, sandbox) => sum + shardsOf(sandbox), 0),
  );
}
