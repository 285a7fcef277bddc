import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { shellQuoteArgs } from '../../util/shell-quote-args.ts';
import type { CommandRun } from '../command-context.ts';
import { reachVm } from '../ssh-access.ts';
import { usageError } from '../usage-error.ts';

/** `ssh VM [-- CMD]`: logs in to a running VM with the system's `ssh`. Exits with its exit code. */
export const sshCommand: CommandRun = async ({ io, options: scope, operands, trailing }) => {
  const [word, ...rest] = operands;
  if (word === undefined || rest.length > 0) {
    throw usageError('expected one VM', 'Write gondolin ssh VM, or gondolin ssh VM -- CMD.');
  }
  const { access } = await reachVm(io, word, scope);
  const options = [...access.options, `Port=${access.port}`].flatMap((one) => ['-o', one]);
  // The server's shell reads one line.
  const command = trailing === null ? [] : [shellQuoteArgs(trailing)];
  const args = ['-F', 'none', ...options, `${access.user}@${access.host}`, ...command];
  // Its own terminal: it asks for the size, and gets the keys.
  const child = spawn('ssh', args, { stdio: 'inherit' });
  const stop = () => child.kill();
  io.signal.addEventListener('abort', stop);
  const [code, signal] = await once(child, 'exit').catch((cause: unknown) => {
    throw new GondolinError('HOST_TOOL_NOT_FOUND', 'ssh cannot be started', {
      cause,
      hint: 'Install an SSH client, on Debian: apt-get install openssh-client',
    });
  });
  io.signal.removeEventListener('abort', stop);
  io.signal.throwIfAborted();
  return (code as number | null) ?? 128 + constants.signals[signal as NodeJS.Signals];
};
