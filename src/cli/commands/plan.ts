import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { type NetworkFlags, withNetworkFlags } from '../network-flags.ts';
import { openPlan, planOfWords } from '../open-project.ts';

/** `plan`: what `run` with the same words would do. */
export const runPlanCommand: CommandRun<NetworkFlags> = async ({ io, options, words }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const plan = withNetworkFlags(planOfWords(await openPlan(io, options), words), options);
  const { renderPlan, renderPlanJson } = await import('../../plan/render-plan.ts');
  const render = format === 'json' ? renderPlanJson : renderPlan;
  await writeText(io.stdout, `${render(plan)}\n`);
  return 0;
};
