import { usageError } from '../usage-error.ts';
import type { AddCommand } from './add-command.ts';
import { addImageOptions, addNetworkOptions, addShardOptions } from './option-groups.ts';

function readParallel(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= 1024) return count;
  throw usageError('--parallel: want a whole number from 1 to 1024');
}

/** Adds the commands that run a project's steps until they have ended. */
export function addRunCommands(add: AddCommand): void {
  const plan = add(
    'plan [sandbox] [steps...]',
    'print what would run, without running it',
    async () => {
      return (await import('../commands/plan.ts')).planCommand;
    },
  ).usage('[options] [SANDBOX] [STEP...]');
  addShardOptions(addNetworkOptions(addImageOptions(plan))).option(
    '--diff',
    'print what up would change of the project that runs, and why',
  );
  const run = add(
    'run [sandbox] [steps...]',
    'start the sandboxes and run their steps, or one command',
    async () => {
      return (await import('../commands/run.ts')).runCommand;
    },
  ).usage('[options] [SANDBOX] [STEP... | -- CMD...]');
  addShardOptions(addNetworkOptions(addImageOptions(run)))
    .option('--events <file>', 'write network events as JSON lines')
    .option('--har <file>', 'write HTTP requests as HAR 1.2, which browsers can open')
    .option('--junit <file>', 'write a JUnit report: sandboxes as suites, steps as cases')
    .option('--parallel <count>', 'start at most this many sandboxes at once', readParallel)
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
    .option('-i, --interactive', 'accepted for compatibility: CMD always gets standard input')
    .option('-t, --tty', 'run CMD on a terminal');
  const watch = add(
    'watch [sandboxes...]',
    'run the sandboxes again whenever files change, until Ctrl-C',
    async () => {
      return (await import('../commands/watch.ts')).watchCommand;
    },
  ).usage('[options] [SANDBOX...]');
  addNetworkOptions(addImageOptions(watch)).option('--no-cache', 'ignore existing checkpoints');
}
