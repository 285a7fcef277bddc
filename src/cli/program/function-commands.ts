import type { AddCommand } from './add-command.ts';

/** Adds the commands for the functions of a project. */
export function addFunctionCommands(add: AddCommand): void {
  add('call [name]', 'call a function of the project once', async () => {
    return (await import('../commands/call.ts')).callCommand;
  })
    .usage('[options] NAME')
    .option('--json <event>', 'the event (default: null)');
  add('serve', 'serve the functions of the project by HTTP until Ctrl-C', async () => {
    return (await import('../commands/serve.ts')).serveCommand;
  })
    .option('--listen <address>', '[HOST:]PORT (default: 127.0.0.1:8080)')
    .option('--sandboxes <number>', 'sandboxes of each function (default: 2)')
    .option('--watch', 'load a function again whenever its file changes');
}
