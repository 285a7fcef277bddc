import { sandboxesNamed } from '../../plan/sandboxes-named.ts';
import { type CommandContext, type CommandRun, chooseFormat } from '../command-context.ts';
import { readCommandOperands } from '../command-operands.ts';
import { chooseStates } from '../project/choose-states.ts';
import { findProject, requireProject } from '../project/find-project.ts';
import { followLogs, printLogs } from '../project/follow-project.ts';
import { readSince, readTail } from '../project/time-flags.ts';
import { followCommand } from '../remote-exec.ts';
import { usageError } from '../usage-error.ts';

interface LogsFlags {
  readonly follow?: boolean;
  readonly since?: string;
  readonly tail?: string;
}

/** Prints the output of a detached command in a VM. */
async function logsOfCommand({
  io,
  options,
  operands,
}: CommandContext<LogsFlags>): Promise<number> {
  if (options.since !== undefined || options.tail !== undefined) {
    throw usageError('--since and --tail: they are for sandboxes of a project');
  }
  const { session, command } = await readCommandOperands(io, 'logs', operands, options);
  const isFollowing = options.follow === true;
  const how = { hasInput: false, needsEnd: isFollowing };
  await followCommand(io, session, 'logs', { command, isFollowing }, how);
  return 0;
}

/**
 * `logs [SANDBOX…]`: prints what the sandboxes of the project printed; `logs VM [COMMAND]` the output of a detached command.
 * With `-f` until they end.
 */
export const logsCommand: CommandRun<LogsFlags> = async (context) => {
  const { io, options, operands } = context;
  const project = findProject(io, options);
  const states = project?.record.sandboxes ?? [];
  const isNumbered = operands.length === 2 && /^\d+$/.test(operands[1] ?? '');
  const first = operands[0];
  const isSandbox = first === undefined || sandboxesNamed(states, first).length > 0;
  if (isNumbered || !isSandbox) return logsOfCommand(context);
  const found = project ?? requireProject(io, options);
  const format = chooseFormat(options, ['text', 'json']);
  const wanted = {
    sandboxes: chooseStates(states, operands).map(({ name }) => name),
    sinceMs: readSince(options.since, Date.now()),
    tail: readTail(options.tail),
  };
  // A project whose process was killed has its logs still.
  if (options.follow === true && found.isAlive)
    await followLogs(found.directory, wanted, format, io);
  else await printLogs(found.directory, wanted, format, io);
  return 0;
};
