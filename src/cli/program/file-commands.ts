import type { AddCommand } from './add-command.ts';

/** Adds the commands that write or print a project file. */
export function addFileCommands(add: AddCommand): void {
  add('init', 'write a starter gondolin.yaml', async () => {
    return (await import('../commands/init.ts')).initCommand;
  }).option('--force', 'overwrite an existing file');
  add(
    'convert [file]',
    'write a Compose file or a devcontainer.json as a gondolin.yaml',
    async () => {
      return (await import('../commands/convert.ts')).convertCommand;
    },
  )
    .usage('[options] FILE')
    .option('-o, --output <file>', 'write to this file (default: standard output)')
    .option('--force', 'overwrite an existing file')
    .option('--strict', 'exit 1 if anything could not be converted');
  add('config', 'print the project with includes, variables and defaults applied', async () => {
    return (await import('../commands/config.ts')).configCommand;
  });
}
