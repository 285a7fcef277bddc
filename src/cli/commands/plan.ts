import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { openPlan, planOfWords } from '../open-project.ts';

/** `plan`: what `run` with the same words would do. */
export const runPlanCommand: CommandRun = async ({ io, options, words }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const plan = planOfWords(await openPlan(io, options), words);
  if (format === 'json') {
    await writeText(io.stdout, `${JSON.stringify(plan, null, 2)}\n`);
    return 0;
  }
  const { renderPlan } = await import('../../plan/render-plan.ts');
  await writeText(io.stdout, `${renderPlan(plan)}\n`);
  return 0;
};
