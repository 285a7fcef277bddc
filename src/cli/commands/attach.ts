import type { CommandRun } from '../command-context.ts';
import { readCommandOperands } from '../command-operands.ts';
import { followCommand } from '../remote-exec.ts';

/** `attach VM [COMMAND]`: shows the output of a detached command from now on, and passes it input. Exits with its code. */
export const attachCommand: CommandRun = async ({ io, operands }) => {
  const { session, command } = await readCommandOperands(io, 'attach', operands);
  return followCommand(io, session, 'attach', { command }, { hasInput: true, needsEnd: true });
};
