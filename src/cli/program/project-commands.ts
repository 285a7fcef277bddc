import { BACKGROUND_COMMAND, TERMINAL_COMMAND } from '../project/internal-commands.ts';
import type { AddCommand } from './add-command.ts';
import { addImageOptions, addNetworkOptions } from './option-groups.ts';

/** Adds the commands for a project that keeps running: `up`, and those that act on it. */
export function addProjectCommands(add: AddCommand): void {
  const up = add(
    'up [sandboxes...]',
    'start sandboxes and keep their services running until Ctrl-C, or in the background',
    async () => {
      return (await import('../commands/up.ts')).upCommand;
    },
  ).usage('[options] [SANDBOX...]');
  addNetworkOptions(addImageOptions(up))
    .option('-d, --detach', 'run in the background; return when services are started')
    .option('--wait', 'as -d, and return when they are healthy, and the others have ended')
    .option('--wait-timeout <time>', 'fail when that takes longer: 90, 5m')
    .option('--force', 'recreate the sandboxes that run already')
    .option('--build', 'as --force, and build images and checkpoints again')
    .option('--watch', 'run sandboxes again whenever files change')
    .option('--exit-code-from <sandbox>', 'stop when this one has ended, and exit with its code')
    .option('--events <file>', 'write network events as JSON lines')
    .option('--har <file>', 'write HTTP requests as HAR 1.2, which browsers can open')
    .option('--no-cache', 'ignore existing checkpoints and save new ones')
    .option('--cold', 'boot without any saved machine (also GONDOLIN_COLD=1)');
  add('snapshot [name] [vm]', 'save a running sandbox under a name', async () => {
    return (await import('../commands/snapshot.ts')).snapshotCommand;
  })
    .usage('[options] NAME [VM]')
    .option('--force', 'replace a snapshot of that name')
    .option('--delete', 'delete the snapshot instead');
  add('diff [sandbox] [volume]', 'list what the last run changed in its overlays', async () => {
    return (await import('../commands/diff.ts')).diffCommand;
  })
    .usage('[options] [SANDBOX [VOLUME]]')
    .option('--patch', 'print the changes of files as a unified patch')
    .option('--discard', 'forget the changes instead');
  add('apply [sandbox] [volume]', 'take the changes of overlays over to the host', async () => {
    return (await import('../commands/apply.ts')).applyCommand;
  })
    .usage('[options] [SANDBOX [VOLUME]]')
    .option('--dry-run', 'only print what would be changed')
    .option('--force', 'replace files that the host changed too');
  add('down', 'stop all sandboxes of the project, and forget it', async () => {
    return (await import('../commands/down.ts')).downCommand;
  }).option('--timeout <time>', 'time for services to end, instead of their own setting');
  add(
    'ps [sandboxes...]',
    'list the sandboxes of the project, or else the running VMs',
    async () => {
      return (await import('../commands/ps.ts')).psCommand;
    },
  ).usage('[options] [SANDBOX...]');
  add('start [sandboxes...]', 'start sandboxes of the project that have ended', async () => {
    return (await import('../commands/start.ts')).startSandboxesCommand;
  }).usage('[options] [SANDBOX...]');
  add('restart [sandboxes...]', 'restart services of the project in their VMs', async () => {
    return (await import('../commands/restart.ts')).restartCommand;
  })
    .usage('[options] [SANDBOX...]')
    .option('--timeout <time>', 'time for services to end, instead of their own setting');
  add('events', 'print what happens to the sandboxes of the project', async () => {
    return (await import('../commands/events.ts')).eventsCommand;
  });
  add(BACKGROUND_COMMAND, 'run a project for `up -d`', async () => {
    return (await import('../project/background-process.ts')).backgroundCommand;
  });
  add(TERMINAL_COMMAND, 'run a project for `up`', async () => {
    return (await import('../project/terminal-process.ts')).terminalCommand;
  });
}
