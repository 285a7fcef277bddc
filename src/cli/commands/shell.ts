import type { CommandRun } from '../command-context.ts';
import { readEnvFlags } from '../env-flags.ts';
import { findSession } from '../find-session.ts';
import { INTERACTIVE_SHELL, SCRIPT_SHELL } from '../guest-shell.ts';
import { ownTerminal } from '../own-terminal.ts';
import { followCommand } from '../remote-exec.ts';
import { usageError } from '../usage-error.ts';
import type { ExecFlags } from './exec.ts';

/** `shell VM`: a shell in a running VM; on a terminal an interactive one, else it runs standard input as a script. */
export const shellCommand: CommandRun<ExecFlags> = async ({ io, options, operands }) => {
  const [word, ...rest] = operands;
  if (word === undefined || rest.length > 0) {
    throw usageError('expected one VM', 'Write gondolin shell VM, or gondolin bash for a new one.');
  }
  const terminal = io.stdin.isTTY === true ? ownTerminal(io) : undefined;
  const request = {
    command: terminal === undefined ? SCRIPT_SHELL : INTERACTIVE_SHELL,
    env: readEnvFlags(options.env ?? [], io.env),
    cwd: options.cwd ?? null,
    user: options.user ?? null,
    stdin: true,
    terminal: terminal?.size ?? null,
    isDetached: false,
  };
  const session = await findSession(io, word, options);
  const how = { hasInput: true, needsEnd: true, terminalFor: () => terminal };
  return followCommand(io, session, 'exec', request, how);
};
