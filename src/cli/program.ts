import { Command, CommanderError, Option } from 'commander';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { CommandContext, CommandRun, GlobalOptions } from './command-context.ts';
import type { CliIo } from './io.ts';
import { PROGRESS_MODES } from './ui/progress/progress-mode.ts';
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

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function readParallel(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= 1024) return count;
  throw usageError('--parallel: want a whole number from 1 to 1024');
}

/** A value may be confidential: the message shows none. */
function collectArg(text: string, before: Readonly<Record<string, string>> = {}) {
  const equals = text.indexOf('=');
  if (equals <= 0) throw usageError('--arg: want NAME=VALUE');
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

function addGlobalOptions(program: Command): void {
  program
    .option(
      '-f, --file <file>',
      'project file (default: gondolin.yaml here or in a parent directory)',
    )
    .option(
      '-p, --project-name <name>',
      'project name (default: name: in the file, or the name of the directory)',
    )
    .option('--arg <NAME=value>', 'value of an argument of the project (args:)', collectArg)
    .option('--profile <name>', 'also run the sandboxes of this profile', collect)
    .addOption(
      new Option('--progress <mode>', 'how a run is displayed')
        .choices(PROGRESS_MODES)
        .default('auto'),
    )
    .addOption(
      new Option('--format <format>', 'output format of the command').choices([
        'text',
        'yaml',
        'json',
        'mermaid',
      ]),
    )
    .option('--debug', 'log what the components of a VM do, and print the causes of errors');
}

/** Starts the process of a project in the background; `up -d` runs it, and `--help` does not show it. */
const BACKGROUND_COMMAND = 'background-project';

/** Commands that run what follows `--`. */
const WITH_TRAILING: ReadonlySet<string> = new Set(['exec', 'run', 'ssh']);

/** Adds the options that let guests reach more than the project file allows; each may be repeated. */
function addNetworkOptions(command: Command): Command {
  return command
    .option('--allow-host <host>', 'also let the guests reach this host', collect)
    .option(
      '--host-secret <NAME@host,…>',
      "let the guests use the host's variable NAME in requests to these hosts, without seeing it",
      collect,
    );
}

/** Adds the options by which several machines share the work. */
function addShardOptions(command: Command): Command {
  return command
    .option('--shard <i/n>', 'only the work of one of n shards; together they do all of it once')
    .option('--durations <file>', 'split by the durations in this record of an earlier run');
}

/** Cleans up after gondolins that were killed, before anything else is done. */
async function sweepAfterKill(io: CliIo): Promise<void> {
  const { resolveDirectories } = await import('../host/directories.ts');
  const { sweepStaleSessions } = await import('../machine/session-record.ts');
  const { sweepStaleSessionDirectories } = await import('../session/session-directory.ts');
  try {
    const { sessions } = resolveDirectories(io.env);
    sweepStaleSessions(sessions);
    sweepStaleSessionDirectories(sessions);
  } catch (error) {
    // An unusable directory has nothing to clean up, and a command that needs it reports the error itself.
    if (!GondolinError.is(error) || error.code !== 'HOST_DIRECTORY_UNUSABLE') throw error;
  }
}

/** Adds the options of a process in a guest. */
function addProcessOptions(command: Command): Command {
  return command
    .option(
      '-e, --env <NAME=value>',
      'set a variable; without a value, pass on that of this host',
      collect,
    )
    .option('--cwd <path>', 'working directory in the guest')
    .option('--user <user>', 'guest user: UID[:GID] or NAME[:GROUP]');
}

/** Adds the options that describe a new VM without a project file. */
function addNewVmOptions(command: Command): Command {
  return addNetworkOptions(addProcessOptions(command))
    .option('--mount-hostfs <host:guest[:ro]>', 'mount a host directory or file', collect)
    .option('--mount-memfs <guest>', "mount memory of the guest's", collect)
    .option('--image <image>', 'debian, or a directory with a built image')
    .option('--cpus <count>', 'virtual CPUs (default: 1)')
    .option('--memory <size>', 'memory (default: 512MiB)')
    .option(
      '--listen <[host:]port[:guest]>',
      'lead a port of this machine to a port of the guest',
      collect,
    )
    .option('--timeout <time>', 'end the VM after this time: 90s, 5m, 1h30m')
    .option('--label <name>', 'name of the VM for `gondolin list` and its kin')
    .option('--ssh', 'print a command that logs in by SSH')
    .option('--resume <snapshot>', 'start from a snapshot')
    .option('--cold', 'boot without any saved machine (also GONDOLIN_COLD=1)');
}

type AddCommand = <Options>(
  usage: string,
  about: string,
  load: () => Promise<CommandRun<Options>>,
) => Command;

/** Adds `export`. */
function addExport(add: AddCommand): void {
  add(
    'export [target] [sandbox] [steps...]',
    'write the project as a job of several machines',
    async () => {
      return (await import('./commands/export.ts')).exportCommand;
    },
  )
    .usage('[options] slurm|kubernetes|github [SANDBOX] [STEP...]')
    .option('-o, --output <file>', 'write to this file (default: standard output)')
    .option('--force', 'overwrite an existing file')
    .option('--shards <n>', 'number of shards (default: as many as have something to do)')
    .option('--durations <file>', 'split by the durations in this record of an earlier run')
    .option('--image <image>', 'kubernetes: container image with gondolin and the project')
    .option('--directory <path>', 'kubernetes: the project in the image (default: /workspace)')
    .option(
      '--kvm <resource>',
      'kubernetes: resource for /dev/kvm (default: devices.kubevirt.io/kvm)',
    )
    .option('--no-kvm', 'kubernetes: without /dev/kvm, which is slow')
    .option('--claim <name>', 'kubernetes: claim for cache and results (default: gondolin)')
    .option('--claim-size <size>', 'kubernetes: its size (default: 50Gi)')
    .option('--secret <name>', 'kubernetes: Secret with the secrets (default: gondolin-secrets)');
}

/** Adds the commands for VMs that run already, of whichever process. */
function addSessionCommands(add: AddCommand): void {
  add('list', 'list the running VMs of this user', async () => {
    return (await import('./commands/list.ts')).listCommand;
  });
  const exec = add('exec [vm]', 'run a command in a running VM, or in a new one', async () => {
    return (await import('./commands/exec.ts')).execCommand;
  });
  addNewVmOptions(exec)
    .usage('[options] [VM] -- CMD...')
    .option('-i, --interactive', 'pass standard input to the command')
    .option('-t, --tty', 'run the command on a terminal')
    .option('-d, --detach', 'print the number of the command and leave it running');
  const bash = add('bash', 'open a shell in a new VM', async () => {
    return (await import('./commands/bash.ts')).bashCommand;
  });
  addNewVmOptions(bash);
  const shell = add('shell [vm]', 'open a shell in a running VM', async () => {
    return (await import('./commands/shell.ts')).shellCommand;
  }).usage('[options] VM');
  addProcessOptions(shell);
  add('attach [vm] [command]', 'use the input and output of a detached command', async () => {
    return (await import('./commands/attach.ts')).attachCommand;
  }).usage('[options] VM [COMMAND]');
  add('logs [names...]', 'print what sandboxes or a detached command printed', async () => {
    return (await import('./commands/logs.ts')).logsCommand;
  })
    .usage('[options] [SANDBOX...] | VM [COMMAND]')
    .option('-f, --follow', 'continue until they have ended')
    .option('--since <time>', 'of sandboxes: only lines since then: 10m, 2026-01-31T12:00:00Z')
    .option('--tail <lines>', 'of sandboxes: only the last lines of each, or all');
  add('wait [vm] [command]', 'wait for a detached command', async () => {
    return (await import('./commands/wait.ts')).waitCommand;
  }).usage('[options] VM [COMMAND]');
  add('kill [vm] [command]', 'send a signal to a detached command', async () => {
    return (await import('./commands/kill.ts')).killCommand;
  })
    .usage('[options] VM [COMMAND]')
    .option('--signal <name>', 'the signal (default: TERM)');
  add('port [vm] [port]', 'print where ports of running VMs are reached', async () => {
    return (await import('./commands/port.ts')).portCommand;
  }).usage('[options] [SANDBOX] [PORT]');
  add('cp [from] [to]', 'copy files between this host and a running VM', async () => {
    return (await import('./commands/cp.ts')).cpCommand;
  }).usage('[options] VM:PATH PATH | PATH VM:PATH');
  add('stats [vms...]', 'print what running VMs use', async () => {
    return (await import('./commands/stats.ts')).statsCommand;
  }).usage('[options] [VM...]');
  add('stop [vms...]', 'close running VMs, or stop sandboxes of the project', async () => {
    return (await import('./commands/stop.ts')).stopCommand;
  })
    .usage('[options] [VM...]')
    .option('--timeout <time>', 'time for services to end, in place of their own');
  add('ssh [vm]', 'log in to a running VM by SSH, or run a command there', async () => {
    return (await import('./commands/ssh.ts')).sshCommand;
  }).usage('[options] VM [-- CMD...]');
  add(
    'ssh-config [vm]',
    'print the configuration by which SSH clients reach a running VM',
    async () => {
      return (await import('./commands/ssh-config.ts')).sshConfigCommand;
    },
  ).usage('[options] VM');
}

/** Adds the commands for a project that `up` runs. */
function addProjectCommands(add: AddCommand): void {
  add('down', 'stop all sandboxes of the project, and forget it', async () => {
    return (await import('./commands/down.ts')).downCommand;
  }).option('--timeout <time>', 'time for services to end, in place of their own');
  add(
    'ps [sandboxes...]',
    'list the sandboxes of the project, or else the running VMs',
    async () => {
      return (await import('./commands/ps.ts')).psCommand;
    },
  ).usage('[options] [SANDBOX...]');
  add('start [sandboxes...]', 'start sandboxes of the project that have ended', async () => {
    return (await import('./commands/start.ts')).startSandboxesCommand;
  }).usage('[options] [SANDBOX...]');
  add('restart [sandboxes...]', 'restart services of the project in their VMs', async () => {
    return (await import('./commands/restart.ts')).restartCommand;
  })
    .usage('[options] [SANDBOX...]')
    .option('--timeout <time>', 'time for services to end, in place of their own');
  add('events', 'print what happens to the sandboxes of the project', async () => {
    return (await import('./commands/events.ts')).eventsCommand;
  });
  add(BACKGROUND_COMMAND, 'run a project for `up -d`', async () => {
    return (await import('./project/background-process.ts')).backgroundCommand;
  });
}

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
    const hidden = usage === BACKGROUND_COMMAND;
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
  add('init', 'write a starter gondolin.yaml', async () => {
    return (await import('./commands/init.ts')).initCommand;
  }).option('--force', 'overwrite an existing file');
  add(
    'convert [file]',
    'write a Compose file or a devcontainer.json as a gondolin.yaml',
    async () => {
      return (await import('./commands/convert.ts')).convertCommand;
    },
  )
    .usage('[options] FILE')
    .option('-o, --output <file>', 'write to this file (default: standard output)')
    .option('--force', 'overwrite an existing file')
    .option('--strict', 'exit 1 if anything could not be converted');
  add('config', 'print the project with includes, variables and defaults applied', async () => {
    return (await import('./commands/config.ts')).configCommand;
  });
  const plan = add(
    'plan [sandbox] [steps...]',
    'print what would run, without running it',
    async () => {
      return (await import('./commands/plan.ts')).planCommand;
    },
  ).usage('[options] [SANDBOX] [STEP...]');
  addShardOptions(addNetworkOptions(plan)).option(
    '--diff',
    'print what up would change of the project that runs, and why',
  );
  const run = add(
    'run [sandbox] [steps...]',
    'start the sandboxes and run their steps, or one command',
    async () => {
      return (await import('./commands/run.ts')).runCommand;
    },
  ).usage('[options] [SANDBOX] [STEP... | -- CMD...]');
  addShardOptions(addNetworkOptions(run))
    .option('--events <file>', 'write network events as JSON lines')
    .option('--har <file>', 'write HTTP requests as HAR 1.2, which browsers can open')
    .option('--junit <file>', 'write a JUnit report: sandboxes as suites, steps as cases')
    .option('--parallel <count>', 'start at most so many sandboxes at once', readParallel)
    .option('--artifacts <directory>', 'copy artifacts: of the sandboxes to this directory')
    .option('--report <file>', 'write a report as one HTML page')
    .option('--record <file>', 'write the run as data, for `merge` and --durations')
    .option('--on <cluster>', 'run on the machines of a cluster: slurm')
    .option(
      '--shards <n>',
      'with --on: number of shards (default: as many as have something to do)',
    )
    .option('--send-secrets', 'with --on slurm: let Slurm keep variables with secrets')
    .option('--ask', 'ask on the terminal about hosts that network: does not name')
    .option('--no-cache', 'ignore existing checkpoints and save new ones')
    .option('--from <snapshot>', 'start from a snapshot')
    .option('--watch', 'run again whenever files change, until Ctrl-C')
    .option('--cold', 'boot without any saved machine (also GONDOLIN_COLD=1)')
    .option('-i, --interactive', 'for habit: CMD always gets standard input')
    .option('-t, --tty', 'run CMD on a terminal');
  const watch = add(
    'watch [sandboxes...]',
    'run the sandboxes again whenever files change, until Ctrl-C',
    async () => {
      return (await import('./commands/watch.ts')).watchCommand;
    },
  ).usage('[options] [SANDBOX...]');
  addNetworkOptions(watch).option('--no-cache', 'ignore existing checkpoints');
  addExport(add);
  add('merge [records...]', 'merge what the shards of a run recorded into one result', async () => {
    return (await import('./commands/merge.ts')).mergeCommand;
  })
    .usage('[options] RECORD...')
    .option('--junit <file>', 'write a JUnit report: sandboxes as suites, steps as cases')
    .option('--report <file>', 'write a report as one HTML page')
    .option('--record <file>', 'write the merged run as data, for --durations');
  const up = add(
    'up [sandboxes...]',
    'start sandboxes and keep their services running until Ctrl-C, or in the background',
    async () => {
      return (await import('./commands/up.ts')).upCommand;
    },
  ).usage('[options] [SANDBOX...]');
  addNetworkOptions(up)
    .option('-d, --detach', 'run in the background; return when services are started')
    .option('--wait', 'as -d, and return when they are healthy, and the others have ended')
    .option('--wait-timeout <time>', 'fail when that takes longer: 90, 5m')
    .option('--force', 'recreate the sandboxes that run already')
    .option('--watch', 'run sandboxes again whenever files change')
    .option('--exit-code-from <sandbox>', 'stop when this one has ended, and exit with its code')
    .option('--events <file>', 'write network events as JSON lines')
    .option('--har <file>', 'write HTTP requests as HAR 1.2, which browsers can open')
    .option('--no-cache', 'ignore existing checkpoints and save new ones')
    .option('--cold', 'boot without any saved machine (also GONDOLIN_COLD=1)');
  add('snapshot [name] [vm]', 'save a running sandbox under a name', async () => {
    return (await import('./commands/snapshot.ts')).snapshotCommand;
  })
    .usage('[options] NAME [VM]')
    .option('--force', 'replace a snapshot of that name')
    .option('--delete', 'delete the snapshot instead');
  addProjectCommands(add);
  addSessionCommands(add);
  add('call [name]', 'call a function of the project once', async () => {
    return (await import('./commands/call.ts')).callCommand;
  })
    .usage('[options] NAME')
    .option('--json <event>', 'the event (default: null)');
  add('serve', 'serve the functions of the project by HTTP until Ctrl-C', async () => {
    return (await import('./commands/serve.ts')).serveCommand;
  })
    .option('--listen <address>', '[HOST:]PORT (default: 127.0.0.1:8080)')
    .option('--sandboxes <number>', 'sandboxes of each function (default: 2)');
  add('images', 'list images, templates, checkpoints and snapshots', async () => {
    return (await import('./commands/images.ts')).imagesCommand;
  });
  add('df', 'print the disk space that gondolin uses, by kind and by project', async () => {
    return (await import('./commands/df.ts')).dfCommand;
  });
  add('volumes [action] [names...]', 'list the volumes that are kept between runs', async () => {
    return (await import('./commands/volumes.ts')).volumesCommand;
  }).usage('[options] [list | inspect NAME... | rm NAME...]');
  add('prune', 'delete cached data that was not used for a week', async () => {
    return (await import('./commands/prune.ts')).pruneCommand;
  })
    .option('--images', 'only images')
    .option('--templates', 'only saved machines of warm starts, whatever their age')
    .option('--checkpoints', 'only checkpoints of steps, whatever their age')
    .option('--volumes', 'only volumes, which nothing else deletes, whatever their age')
    .option('--all', 'everything that no VM is using, except volumes')
    .option(
      '--older-than <age>',
      'only what has not been used for this long: 90m, 12h, 7d, 2w (default: 7d)',
    )
    .option('--dry-run', 'only print what would be deleted');
  add(
    'doctor',
    'check the requirements on this machine, with a fix for each missing one',
    async () => {
      return (await import('./commands/doctor.ts')).doctorCommand;
    },
  );
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
