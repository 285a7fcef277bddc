import { readCommandEnd } from '../../session/client/remote-command.ts';
import { requestSession } from '../../session/client/session-client.ts';
import type { CommandRun } from '../command-context.ts';
import { readCommandOperands } from '../command-operands.ts';

/** `wait VM [COMMAND]`: waits for a detached command. Exits with its exit code. */
export const waitCommand: CommandRun = async ({ io, options, operands }) => {
  const { session, command } = await readCommandOperands(io, 'wait', operands, options);
  const { controlDirectory } = session;
  const reply = await requestSession(controlDirectory, 'wait', { command }, io.signal);
  return readCommandEnd(reply).exitCode;
};
