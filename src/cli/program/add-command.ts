import type { Command } from 'commander';
import type { CommandRun } from '../command-context.ts';

/** Adds one command to the program. `load` imports its code when it runs. */
export type AddCommand = <Options>(
  usage: string,
  about: string,
  load: () => Promise<CommandRun<Options>>,
) => Command;
