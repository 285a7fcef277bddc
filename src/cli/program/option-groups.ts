import type { Command } from 'commander';

/** Gathers the values of an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Adds the options that let guests reach more than the project file allows; each may be repeated. */
export function addNetworkOptions(command: Command): Command {
  return command
    .option('--allow-host <host>', 'also let the guests reach this host', collect)
    .option(
      '--host-secret <NAME@host,…>',
      "let the guests use the host's variable NAME in requests to these hosts, without seeing it",
      collect,
    );
}

/** Adds the options about images of registries. */
export function addImageOptions(command: Command): Command {
  return command
    .option(
      '--locked',
      'fail unless the lock file has every image of a registry and its packages of the others',
    )
    .option('--pull <policy>', 'when registries are asked: missing, always or never');
}

/** Adds the options by which several machines share the work. */
export function addShardOptions(command: Command): Command {
  return command
    .option('--shard <i/n>', 'only the work of one of n shards; together they do all of it once')
    .option('--durations <file>', 'split by the durations in this record of an earlier run');
}

/** Adds the options of a process in a guest. */
export function addProcessOptions(command: Command): Command {
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
export function addNewVmOptions(command: Command): Command {
  return addNetworkOptions(addProcessOptions(command))
    .option('--mount-hostfs <host:guest[:ro|:overlay]>', 'mount a host directory or file', collect)
    .option('--mount-memfs <guest>', "mount memory of the guest's", collect)
    .option(
      '--image <image>',
      'debian, a reference with a tag (team/app:1), or a directory with a built image',
    )
    .option('--cpus <count>', 'virtual CPUs (default: 1)')
    .option('--memory <size>', 'memory (default: 512MiB)')
    .option(
      '--listen <[host:]port[:guest]>',
      'lead a port of this machine to a port of the guest',
      collect,
    )
    .option('--timeout <time>', 'end the VM after this time: 90s, 5m, 1h30m')
    .option('--label <name>', 'name of the VM in `gondolin list` and similar commands')
    .option('--ssh', 'print a command that logs in by SSH')
    .option('--resume <snapshot>', 'start from a snapshot')
    .option('--cold', 'boot without any saved machine (also GONDOLIN_COLD=1)');
}
