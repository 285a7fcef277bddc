import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { openConfig } from '../open-project.ts';

/** `config`: prints the project with includes, variables and defaults applied. */
export const configCommand: CommandRun = async ({ io, options }) => {
  const format = chooseFormat(options, ['yaml', 'json']);
  const config = await openConfig(io, options);
  const { renderConfig } = await import('../../config/print/render-config.ts');
  await writeText(io.stdout, renderConfig(config, format));
  return 0;
};
