import { boolean, decodeValue, object } from '../../util/json-decoder.ts';
import type { CommandRun } from '../command-context.ts';
import { readCommandOperands } from '../command-operands.ts';
import { ownTerminal } from '../own-terminal.ts';
import { followCommand } from '../remote-exec.ts';

const attached = object<{ hasTerminal: boolean }>({ hasTerminal: boolean });

/**
 * `attach VM [COMMAND]`: shows the output of a detached command from now on, and passes it input. Exits with its code, or with 0
 * after Ctrl-P Ctrl-Q.
 */
export const attachCommand: CommandRun = async ({ io, options, operands }) => {
  const { session, command } = await readCommandOperands(io, 'attach', operands, options);
  const terminalFor = (result: unknown) => {
    const decoded = decodeValue(result, attached);
    return decoded.ok && decoded.value.hasTerminal ? ownTerminal(io) : undefined;
  };
  const how = { hasInput: true, needsEnd: true, terminalFor, canDetach: true };
  return followCommand(io, session, 'attach', { command }, how);
};
