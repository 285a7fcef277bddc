import { requestSession } from '../../session/client/session-client.ts';
import { sessionFailed } from '../../session/control-line.ts';
import { decodeValue, integer, object } from '../../util/json-decoder.ts';
import { isBackgroundOwner, startBackgroundVm } from '../background-vm.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import { readEnvFlags } from '../env-flags.ts';
import { findSession } from '../find-session.ts';
import { writeText } from '../io.ts';
import { ownTerminal } from '../own-terminal.ts';
import { followCommand } from '../remote-exec.ts';
import { type NewVmFlags, runInNewVm } from '../run-new-vm.ts';
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

/** @throws {GondolinError} CLI_USAGE without a command. */
function commandAfter(trailing: readonly string[] | null, example: string): readonly string[] {
  if (trailing !== null && trailing.length > 0) return trailing;
  throw usageError('no command after `--`', `Write it after two dashes: ${example}`);
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
  const session = await findSession(io, word, options);
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

/** Options that describe a new VM, and so have no meaning for one that runs. */
const OF_NEW_VM = [
  'allowHost',
  'cold',
  'cpus',
  'hostSecret',
  'image',
  'label',
  'listen',
  'memory',
  'mountHostfs',
  'mountMemfs',
  'resume',
  'ssh',
  'timeout',
] as const satisfies readonly (keyof NewVmFlags)[];

function flagName(option: string): string {
  return `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Runs a command in a new VM, which ends with it. */
function execInNewVm({ io, options, trailing }: CommandContext<ExecFlags & NewVmFlags>) {
  const argv = commandAfter(trailing, 'gondolin exec -- ls -la');
  if (options.detach === true) {
    if (options.interactive === true || options.tty === true) {
      throw usageError(
        '-d does not go with -i or -t for a new VM',
        'Start it with gondolin exec -d -- CMD, then use gondolin shell VM or exec -it VM -- CMD.',
      );
    }
    if (!isBackgroundOwner(io)) return startBackgroundVm(io);
    return runInNewVm(argv, { hasInput: false, hasTerminal: false, isHeld: true }, options, io);
  }
  const streams = { hasInput: options.interactive === true, hasTerminal: options.tty === true };
  return runInNewVm(argv, streams, options, io);
}

/** `exec VM -- CMD`: runs a command in a running VM; `exec -- CMD` in a new one. Exits with its exit code. */
export const execCommand: CommandRun<ExecFlags & NewVmFlags> = async (context) => {
  const { operands, options } = context;
  const [word, ...rest] = operands;
  if (rest.length > 0) {
    throw usageError(
      'at most one VM may precede `--`',
      'Write gondolin exec VM -- CMD for a running VM, gondolin exec -- CMD for a new one.',
    );
  }
  if (word === undefined) return execInNewVm(context);
  const foreign = OF_NEW_VM.find((option) => options[option] !== undefined);
  if (foreign === undefined) return execInVm(context, word);
  throw usageError(
    `${flagName(foreign)} describes a new VM, and ${JSON.stringify(word)} names a running one`,
    'Leave out the VM to start a new one: gondolin exec [options] -- CMD.',
  );
};
