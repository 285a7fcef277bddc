import { resolveDirectories } from '../../host/directories.ts';
import type { Plan } from '../../plan/plan.ts';
import type { CacheNote } from '../../plan/render-plan.ts';
import type { PlanCache } from '../../project/checkpoint/plan-cache.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import type { ImageFlags } from '../image-flags.ts';
import { type CliIo, writeText } from '../io.ts';
import { type NetworkFlags, withNetworkFlags } from '../network-flags.ts';
import { openPlan, planForOperands } from '../open-project.ts';
import { type ShardFlags, shardOf } from '../shard-flags.ts';
import { plainText } from '../ui/text/describe.ts';

/** Finds out which steps would be restored. Loads the code for that only if a step has a checkpoint. */
async function readPlanCache(plan: Plan, io: CliIo): Promise<PlanCache> {
  const hasCheckpoints = plan.sandboxes.some(({ steps }) =>
    steps.some(({ checkpoint }) => checkpoint),
  );
  if (!hasCheckpoints) return new Map();
  const { planCache } = await import('../../project/checkpoint/plan-cache.ts');
  return planCache(plan, resolveDirectories(io.env));
}

/** Returns the plan with the state of each step's checkpoint. */
function withCache(plan: Plan, cache: PlanCache) {
  const sandboxes = plan.sandboxes.map((sandbox) => {
    const states = cache.get(sandbox.name);
    const steps = sandbox.steps.map((step, at) => ({ ...step, cache: states?.[at] ?? null }));
    return { ...sandbox, steps };
  });
  return { ...plan, sandboxes };
}

/** Says of each step of a sandbox with checkpoints whether a run restores it, and why not. */
function cacheNote(cache: PlanCache): CacheNote {
  return (sandbox, step) => {
    const states = cache.get(sandbox);
    if (states === undefined) return null;
    const state = states[step] ?? null;
    if (state !== null && !state.isCached) return `not cached: ${plainText(state.reason)}`;
    if (state !== null) return 'cached';
    const isBeforeOne = states.slice(step + 1).some((later) => later !== null);
    return isBeforeOne
      ? 'runs: the checkpoint after it is not cached'
      : 'runs each time: no checkpoint follows';
  };
}

interface PlanFlags extends NetworkFlags, ShardFlags, ImageFlags {
  readonly diff?: boolean;
}

/** `plan`: prints what `run` with the same operands would do. */
export const planCommand: CommandRun<PlanFlags> = async (context) => {
  const { io, options, operands } = context;
  if (options.diff === true) {
    return (await import('../project/plan-diff.ts')).printDiff(context);
  }
  const format = chooseFormat(options, ['text', 'json', 'mermaid']);
  const chosen = planForOperands(await openPlan(io, options), operands, options);
  const plan = withNetworkFlags((await shardOf(chosen, options, io)).plan, options);
  const cache = await readPlanCache(plan, io);
  const { renderPlan, renderPlanJson } = await import('../../plan/render-plan.ts');
  if (format === 'json') {
    await writeText(io.stdout, `${renderPlanJson(withCache(plan, cache))}\n`);
    return 0;
  }
  const note = cacheNote(cache);
  if (format === 'mermaid') {
    const { renderMermaid } = await import('../../plan/render-mermaid.ts');
    await writeText(io.stdout, `${renderMermaid(plan, note)}\n`);
    return 0;
  }
  await writeText(io.stdout, `${renderPlan(plan, note)}\n`);
  return 0;
};
