import type { CommandRun } from '../command-context.ts';
import { readCommandOperands } from '../command-operands.ts';
import { followCommand } from '../remote-exec.ts';

/** `logs VM [COMMAND]`: prints the output of a detached command that is kept; with `-f` until it ends. */
export const logsCommand: CommandRun<{ readonly follow?: boolean }> = async (context) => {
  const { io, options, operands } = context;
  const { session, command } = await readCommandOperands(io, 'logs', operands);
  const isFollowing = options.follow === true;
  const request = { command, isFollowing };
  const how = { hasInput: false, needsEnd: isFollowing };
  await followCommand(io, session, 'logs', request, how);
  return 0;
};
