import { requireTool } from './tools.ts';

/** A program and its arguments, ready for `spawn`. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

/**
 * Wraps a command so that the kernel ends it with SIGKILL when the thread that started it ends, also by kill -9.
 * It keeps its pid (both wrappers replace themselves), can gain no privileges and writes no core file, which
 * would leave guest memory on disk. One gap: a parent that dies between fork and prctl; `sweepStaleSessions`
 * closes it for machines.
 * @throws {GondolinError} HOST_TOOL_NOT_FOUND when setpriv or prlimit (both of util-linux) is missing.
 * @see prctl(2), PR_SET_PDEATHSIG
 */
export function endWithParent(command: Command): Command {
  const setpriv = ['--pdeathsig', 'KILL', '--no-new-privs', '--'];
  const prlimit = [requireTool('prlimit').path, '--core=0', '--'];
  return {
    file: requireTool('setpriv').path,
    args: [...setpriv, ...prlimit, command.file, ...command.args],
  };
}
