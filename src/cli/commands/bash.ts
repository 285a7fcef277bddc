import { toArgv } from '../../vm/guest-command.ts';
import type { CommandRun } from '../command-context.ts';
import { INTERACTIVE_SHELL, SCRIPT_SHELL } from '../guest-shell.ts';
import { type NewVmFlags, runInNewVm } from '../run-new-vm.ts';
import { usageError } from '../usage-error.ts';

/** `bash`: a shell in a new VM; on a terminal an interactive one, else it runs standard input as a script. */
export const bashCommand: CommandRun<NewVmFlags> = async ({ io, options, operands }) => {
  if (operands.length > 0) {
    throw usageError('bash takes no operand', 'Write gondolin shell VM for a running VM.');
  }
  const hasTerminal = io.stdin.isTTY === true;
  const argv = toArgv(hasTerminal ? INTERACTIVE_SHELL : SCRIPT_SHELL);
  return runInNewVm(argv, { hasInput: true, hasTerminal }, options, io);
};
