import { constants } from 'node:os';
import { requestSession } from '../../session/client/session-client.ts';
import type { CommandRun } from '../command-context.ts';
import { readCommandOperands } from '../command-operands.ts';
import { usageError } from '../usage-error.ts';

/** Accepts `TERM` and `SIGTERM`. */
function readSignal(text: string): string {
  const name = text.toUpperCase().replace(/^(?:SIG)?/, 'SIG');
  if (Object.hasOwn(constants.signals, name)) return name;
  throw usageError(`--signal: unknown signal ${JSON.stringify(text)}`);
}

/** `kill VM [COMMAND]`: sends a signal to a detached command, SIGTERM by default. */
export const killCommand: CommandRun<{ readonly signal?: string }> = async (context) => {
  const { io, options, operands } = context;
  const signal = readSignal(options.signal ?? 'SIGTERM');
  const { session, command } = await readCommandOperands(io, 'kill', operands, options);
  await requestSession(session.controlDirectory, 'kill', { command, signal }, io.signal);
  return 0;
};
