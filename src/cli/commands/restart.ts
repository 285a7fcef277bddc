import { askProject } from '../../project/background/project-client.ts';
import type { CommandRun } from '../command-context.ts';
import { writeText } from '../io.ts';
import { requireProject } from '../project/find-project.ts';
import { readTimeFlag } from '../project/time-flags.ts';

/** `restart [SANDBOX…]`: restarts services in their VMs, by default all; sandboxes without a service run again. */
export const restartCommand: CommandRun<{ readonly timeout?: string }> = async (context) => {
  const { io, options, operands: names } = context;
  const graceMs = readTimeFlag('--timeout', options.timeout);
  const { directory } = requireProject(io, options);
  await askProject(directory, { method: 'restart', names, graceMs }, io.signal);
  for (const name of names) await writeText(io.stdout, `${name}\n`);
  return 0;
};
