import { Command, CommanderError } from 'commander';
import type { CommandContext, CommandRun, GlobalOptions } from './command-context.ts';
import type { CliIo } from './io.ts';
import { addFileCommands } from './program/file-commands.ts';
import { addFunctionCommands } from './program/function-commands.ts';
import { addGlobalOptions } from './program/global-options.ts';
import { addHostCommands } from './program/host-commands.ts';
import { addProjectCommands } from './program/project-commands.ts';
import { addRunCommands } from './program/run-commands.ts';
import { addShardCommands } from './program/shard-commands.ts';
import { addVmCommands } from './program/vm-commands.ts';
import { INTERNAL_COMMANDS } from './project/internal-commands.ts';
import { sweepAfterKill } from './sweep-after-kill.ts';
import { usageError } from './usage-error.ts';

export interface ProgramInput {
  /** Without the program's own name, and without `--` and what follows it. */
  readonly argv: readonly string[];
  readonly trailing: readonly string[] | null;
  readonly io: CliIo;
  readonly version: string;
}

const EXAMPLES = `
Examples:
  gondolin init                       write a starter gondolin.yaml
  gondolin run                        run every sandbox and step
  gondolin run test unit              run the step unit (and what it needs) of the sandbox test
  gondolin run test -- npm ls         run one command instead of the steps
  gondolin bash --mount-hostfs .:/work  a shell in a new VM, without a project file
  gondolin run --progress json        events for other programs, one JSON object per line

Exit codes of run: the failing step's own; 2 usage or config; 3 blocked by policy; 124 timeout; 125 gondolin failed;
126 the command is not executable; 127 it is not found; 130 Ctrl-C; 143 SIGTERM. More: docs/cli.md
`;

/** Commands that run what follows `--`. */
const WITH_TRAILING: ReadonlySet<string> = new Set(['exec', 'run', 'ssh']);

/** Builds the commands. Each loads its code only when it runs: `--help` needs none of it. */
function buildProgram(input: ProgramInput, setRun: (run: () => Promise<number>) => void): Command {
  const { io, trailing } = input;
  const program = new Command('gondolin')
    .description('Runs the steps of a gondolin.yaml in QEMU micro-VMs.')
    .version(input.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: () => undefined,
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride()
    .addHelpText('after', EXAMPLES);
  addGlobalOptions(program);

  const add = <Options>(usage: string, about: string, load: () => Promise<CommandRun<Options>>) => {
    const hidden = INTERNAL_COMMANDS.has(usage);
    const command: Command = program.command(usage, { hidden }).description(about);
    command.action(() => {
      const options = command.optsWithGlobals<Options & GlobalOptions>();
      const context: CommandContext<Options> = { io, options, operands: command.args, trailing };
      if (trailing !== null && !WITH_TRAILING.has(command.name())) {
        throw usageError(`${command.name()} accepts nothing after \`--\``);
      }
      setRun(async () => {
        await sweepAfterKill(io);
        return (await load())(context);
      });
    });
    return command;
  };
  addFileCommands(add);
  addRunCommands(add);
  addShardCommands(add);
  addProjectCommands(add);
  addVmCommands(add);
  addFunctionCommands(add);
  addHostCommands(add);
  return program;
}

/** `-f` of `logs` is `--follow`, as everywhere; elsewhere it is the project file, which `logs` has no use for. */
function withFollow(argv: readonly string[]): string[] {
  const command = argv.find((word) => !word.startsWith('-'));
  return argv.map((word) => (command === 'logs' && word === '-f' ? '--follow' : word));
}

/**
 * Parses the command line and runs its command. Printing help or the version succeeds.
 * @returns The exit code.
 * @throws {GondolinError} CLI_USAGE, and the errors of the command.
 */
export async function runProgram(input: ProgramInput): Promise<number> {
  let run = async () => 0;
  const program = buildProgram(input, (chosen) => {
    run = chosen;
  });
  try {
    program.parse(withFollow(input.argv), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help or the version was printed.
    if (error.exitCode === 0 || error.code === 'commander.help') return 0;
    throw usageError(error.message.replace(/^error: /, '').replaceAll('\n', ' '));
  }
  return run();
}
