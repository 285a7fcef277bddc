import type { ExecOptions } from './exec/exec-options.ts';
import type { RunningCommand } from './exec/running-command.ts';
import { EMULATED_CPU_ENV } from './guest-command.ts';
import type { NormalVMOptions } from './normalize-options.ts';
import type { RunningGuest } from './start/start.ts';
import { TERMINAL_ENV, terminalOf } from './terminal/terminal-size.ts';

type Variables = Readonly<Record<string, string>>;

/** A restored VM keeps its own placeholders: those of new hooks belong to another VM. */
function environment(
  { network, machine }: RunningGuest,
  options: NormalVMOptions,
  own: Variables | undefined,
): Record<string, string> {
  const placeholders = options.from === undefined ? {} : network?.placeholders;
  const emulated = machine.accelerator === 'tcg' ? EMULATED_CPU_ENV : {};
  const general = { ...options.imageEnv, ...emulated, ...network?.env };
  return { ...general, ...options.env, ...placeholders, ...own };
}

/** Starts a command with what the VM's options give to each. @throws {GondolinError} AGENT_EXEC_…, AGENT_REQUEST_TOO_LARGE */
export function startCommand(
  guest: RunningGuest,
  vm: NormalVMOptions,
  argv: string[],
  options: ExecOptions,
): Promise<RunningCommand> {
  const terminal = terminalOf(options);
  return guest.agent.exec({
    argv,
    env: {
      ...(terminal === undefined ? {} : TERMINAL_ENV),
      ...environment(guest, vm, options.env),
    },
    ...(terminal === undefined ? {} : { terminal }),
    cwd: options.cwd ?? vm.cwd ?? '',
    user: options.user ?? vm.user ?? '',
    stdin: options.stdin !== undefined && options.stdin !== false,
    stdout: options.stdout === 'ignore' ? 'ignore' : 'pipe',
    stderr: options.stderr === 'ignore' ? 'ignore' : 'pipe',
  });
}
