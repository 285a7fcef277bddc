import { shellQuoteArgs } from '../util/shell-quote-args.ts';
import type { ExecOptions } from './exec/exec-options.ts';
import { type HostTerminal, sizeOf } from './terminal/host-terminal.ts';

/**
 * Options of {@link VM.shell}.
 *
 * @example
 * const options: ShellOptions = { attach: false, env: { PS1: 'vm> ' }, cwd: '/tmp' };
 * const shell = vm.shell(options);
 */
export interface ShellOptions {
  /** The program and its arguments, or a line for `/bin/sh -lc`. @default `bash -i`, or `sh -i` in an image without bash */
  readonly command?: string | readonly string[];
  /** Connects the terminal of this process: see {@link ExecProcess.attach}. @default true on a terminal */
  readonly attach?: boolean;
  /**
   * Variables added to the VM's environment. A `PATH` is there in any case. `TERM` is this terminal's when attached. `PS1` counts also
   * where the image's start files of bash set another.
   */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory, absolute. @default the VM's `cwd`, else the user's home */
  readonly cwd?: string;
  /** Guest user. @default the VM's `user` */
  readonly user?: string;
  /** Kills the shell with all its descendants when aborted. */
  readonly signal?: AbortSignal;
  /** Size of the terminal, 1..65535. @default the size of this process's terminal when attached, else 24 by 80 */
  readonly rows?: number;
  readonly columns?: number;
}

/** Found in the guest, without another round trip. */
const ANY_SHELL = [
  '/bin/sh',
  '-c',
  'if command -v bash >/dev/null; then exec bash -i; fi; exec sh -i',
];

/** Sets PS1 again before the first prompt: bash reads it from its environment, and then the start files of most images replace it. */
function keepPrompt(env: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { PS1, PROMPT_COMMAND } = env;
  if (PS1 === undefined || PROMPT_COMMAND !== undefined) return {};
  return { PROMPT_COMMAND: `PS1=${shellQuoteArgs([PS1])}; unset PROMPT_COMMAND` };
}

/** The command of a shell, and whether this process's terminal is connected to it. */
export interface ShellPlan {
  readonly command: string | readonly string[];
  readonly options: ExecOptions;
  readonly isAttached: boolean;
}

/** Returns what the options of a shell mean on this terminal. */
export function planShell(
  options: ShellOptions,
  terminal: HostTerminal,
  hostTerm: string | undefined,
): ShellPlan {
  const { command = ANY_SHELL, attach, env, rows, columns, ...others } = options;
  const isTerminal = terminal.input.isTTY === true && terminal.output.isTTY === true;
  const isAttached = attach ?? isTerminal;
  const size = isAttached ? sizeOf(terminal) : undefined;
  const term = isAttached && hostTerm !== undefined ? { TERM: hostTerm } : {};
  return {
    command,
    isAttached,
    options: {
      ...others,
      ...size,
      ...(rows === undefined ? {} : { rows }),
      ...(columns === undefined ? {} : { columns }),
      env: { ...term, ...keepPrompt(env), ...env },
      pty: true,
      stdin: true,
      stdout: 'pipe',
    },
  };
}
