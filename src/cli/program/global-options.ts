import { type Command, Option } from 'commander';
import { PROGRESS_MODES } from '../ui/progress/progress-mode.ts';
import { usageError } from '../usage-error.ts';
import { collect } from './option-groups.ts';

/** A value may be confidential: the message shows none. */
function collectArg(text: string, before: Readonly<Record<string, string>> = {}) {
  const equals = text.indexOf('=');
  if (equals <= 0) throw usageError('--arg: want NAME=VALUE');
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

/** Adds the options that every command accepts. */
export function addGlobalOptions(program: Command): void {
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
