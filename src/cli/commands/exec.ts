import { requestSession } from '../../session/client/session-client.ts';
import { sessionFailed } from '../../session/control-line.ts';
import { decodeValue, integer, object } from '../../util/json-decoder.ts';
import { isVariableName } from '../../util/variable-name.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import { findSession } from '../find-session.ts';
import { type CliIo, writeText } from '../io.ts';
import { ownTerminal } from '../own-terminal.ts';
import { followCommand } from '../remote-exec.ts';
import { usageError } from '../usage-error.ts';

/** Options of a command in a VM, new or running. */
export interface ExecFlags {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly detach?: boolean;
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
}

/**
 * Returns the variables of `--env NAME=VALUE` and `--env NAME`, which passes the host's on.
 * @throws {GondolinError} CLI_USAGE, which shows no value.
 */
export function readEnvFlags(flags: readonly string[], env: CliIo['env']): string[] {
  return flags.map((flag) => {
    const at = flag.indexOf('=');
    const name = at < 0 ? flag : flag.slice(0, at);
    if (!isVariableName(name)) throw usageError('--env: want NAME=VALUE or NAME');
    const value = at < 0 ? env[name] : flag.slice(at + 1);
    if (value === undefined) throw usageError(`--env ${name}: the variable is not set here`);
    return `${name}=${value}`;
  });
}

/** @throws {GondolinError} CLI_USAGE without a command. */
function commandAfter(trailing: readonly string[] | null, example: string): readonly string[] {
  if (trailing !== null && trailing.length > 0) return trailing;
  throw usageError('no command after `--`', `Add the command: ${example}`);
}

const started = object<{ id: number; pid: number }>({
  id: integer({ min: 1 }),
  pid: integer({ min: 1 }),
});

/** Runs a command in a running VM. */
async function execInVm(
  { io, options, trailing }: CommandContext<ExecFlags>,
  word: string,
): Promise<number> {
  const command = commandAfter(trailing, 'gondolin exec VM -- ls -la');
  if (options.cwd !== undefined && !options.cwd.startsWith('/')) {
    throw usageError('--cwd: want an absolute path of the guest');
  }
  const hasInput = options.interactive === true;
  const isDetached = options.detach === true;
  const terminal = options.tty === true ? ownTerminal(io) : undefined;
  const request = {
    command,
    env: readEnvFlags(options.env ?? [], io.env),
    cwd: options.cwd ?? null,
    user: options.user ?? null,
    stdin: hasInput,
    terminal: terminal?.size ?? null,
    isDetached,
  };
  const session = await findSession(io, word);
  if (!isDetached) {
    const how = { hasInput, needsEnd: true, terminalFor: () => terminal };
    return followCommand(io, session, 'exec', request, how);
  }
  const reply = await requestSession(session.controlDirectory, 'exec', request, io.signal);
  const decoded = decodeValue(reply, started);
  if (!decoded.ok) throw sessionFailed(decoded.problem);
  await writeText(io.stdout, `${decoded.value.id}\n`);
  return 0;
}

/** `exec VM -- CMD`: runs a command in a running VM. Exits with its exit code. */
export const execCommand: CommandRun<ExecFlags> = async (context) => {
  const [word, ...rest] = context.operands;
  if (word === undefined || rest.length > 0) {
    throw usageError('expected one VM before `--`', 'Write gondolin exec VM -- CMD.');
  }
  return execInVm(context, word);
};
