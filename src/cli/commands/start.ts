import { askProject } from '../../project/background/project-client.ts';
import type { CommandRun } from '../command-context.ts';
import { writeText } from '../io.ts';
import { requireProject } from '../project/find-project.ts';

/** `start [SANDBOX…]`: starts sandboxes of the project that have ended, with what they depend on; by default all. */
export const startSandboxesCommand: CommandRun = async ({ io, options, operands: names }) => {
  const { directory } = requireProject(io, options);
  await askProject(directory, { method: 'start', names }, io.signal);
  for (const name of names) await writeText(io.stdout, `${name}\n`);
  return 0;
};
