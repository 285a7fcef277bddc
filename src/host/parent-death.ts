import { requireTool } from './tools.ts';

/** A program and its arguments, ready for `spawn`. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

/**
 * Wraps a command so that the kernel ends it with SIGKILL when the thread that started it ends, also by kill -9.
 * It keeps its pid (setpriv replaces itself) and can gain no privileges. One gap: a parent that dies between
 * fork and prctl; `sweepStaleSessions` closes it for machines.
 * @throws {GondolinError} HOST_TOOL_NOT_FOUND when setpriv (util-linux) is missing.
 * @see prctl(2), PR_SET_PDEATHSIG
 */
export function endWithParent(command: Command): Command {
  const { path } = requireTool('setpriv');
  return {
    file: path,
    args: ['--pdeathsig', 'KILL', '--no-new-privs', '--', command.file, ...command.args],
  };
}
