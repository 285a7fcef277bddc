import type { StepPlan } from '../plan.ts';

/** One of the parts that a sandbox is split into; `index` counts from 1. */
export interface ShardPart {
  readonly index: number;
  readonly count: number;
}

/** The part of a sandbox, or of a step, that is not split. */
export const WHOLE: ShardPart = { index: 1, count: 1 };

function variablesOf({ index, count }: ShardPart): Readonly<Record<string, string>> {
  return { GONDOLIN_SHARD_INDEX: String(index), GONDOLIN_SHARD_COUNT: String(count) };
}

/**
 * Tells each step which part of its own work is to be done. Only a step that runs in every shard has a part: for the others it is
 * all of it, so that a test runner that splits by these variables never leaves a test out.
 */
export function withShardVariables(steps: readonly StepPlan[], part: ShardPart): StepPlan[] {
  return steps.map((step) => ({
    ...step,
    env: { ...step.env, ...variablesOf(step.inEveryShard ? part : WHOLE) },
  }));
}
