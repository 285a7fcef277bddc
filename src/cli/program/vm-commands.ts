import type { AddCommand } from './add-command.ts';
import { addNewVmOptions, addProcessOptions } from './option-groups.ts';

/** Adds the commands for VMs that run already, whichever process started them. */
export function addVmCommands(add: AddCommand): void {
  add('list', 'list the running VMs of this user', async () => {
    return (await import('../commands/list.ts')).listCommand;
  });
  const exec = add('exec [vm]', 'run a command in a running VM, or in a new one', async () => {
    return (await import('../commands/exec.ts')).execCommand;
  });
  addNewVmOptions(exec)
    .usage('[options] [VM] -- CMD...')
    .option('-i, --interactive', 'pass standard input to the command')
    .option('-t, --tty', 'run the command on a terminal')
    .option('-d, --detach', 'print the number of the command and leave it running');
  const bash = add('bash', 'open a shell in a new VM', async () => {
    return (await import('../commands/bash.ts')).bashCommand;
  });
  addNewVmOptions(bash);
  const shell = add('shell [vm]', 'open a shell in a running VM', async () => {
    return (await import('../commands/shell.ts')).shellCommand;
  }).usage('[options] VM');
  addProcessOptions(shell);
  add('attach [vm] [command]', 'use the input and output of a detached command', async () => {
    return (await import('../commands/attach.ts')).attachCommand;
  }).usage('[options] VM [COMMAND]');
  add('logs [names...]', 'print what sandboxes or a detached command printed', async () => {
    return (await import('../commands/logs.ts')).logsCommand;
  })
    .usage('[options] [SANDBOX...] | VM [COMMAND]')
    .option('-f, --follow', 'continue until they have ended')
    .option('--since <time>', 'of sandboxes: only lines since then: 10m, 2026-01-31T12:00:00Z')
    .option('--tail <lines>', 'of sandboxes: only the last lines of each, or all');
  add('wait [vm] [command]', 'wait for a detached command', async () => {
    return (await import('../commands/wait.ts')).waitCommand;
  }).usage('[options] VM [COMMAND]');
  add('kill [vm] [command]', 'send a signal to a detached command', async () => {
    return (await import('../commands/kill.ts')).killCommand;
  })
    .usage('[options] VM [COMMAND]')
    .option('--signal <name>', 'the signal (default: TERM)');
  add('port [vm] [port]', 'print where ports of running VMs are reached', async () => {
    return (await import('../commands/port.ts')).portCommand;
  }).usage('[options] [SANDBOX] [PORT]');
  add('cp [from] [to]', 'copy files between this host and a running VM', async () => {
    return (await import('../commands/cp.ts')).cpCommand;
  }).usage('[options] VM:PATH PATH | PATH VM:PATH');
  add('stats [vms...]', 'print what running VMs use', async () => {
    return (await import('../commands/stats.ts')).statsCommand;
  }).usage('[options] [VM...]');
  add('stop [vms...]', 'close running VMs, or stop sandboxes of the project', async () => {
    return (await import('../commands/stop.ts')).stopCommand;
  })
    .usage('[options] [VM...]')
    .option('--timeout <time>', 'time for services to end, instead of their own setting');
  add('ssh [vm]', 'log in to a running VM by SSH, or run a command there', async () => {
    return (await import('../commands/ssh.ts')).sshCommand;
  }).usage('[options] VM [-- CMD...]');
  add(
    'ssh-config [vm]',
    'print the configuration by which SSH clients reach a running VM',
    async () => {
      return (await import('../commands/ssh-config.ts')).sshConfigCommand;
    },
  ).usage('[options] VM');
}
