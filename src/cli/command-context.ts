import type { CliIo } from './io.ts';
import type { ProgressMode } from './ui/progress/progress-mode.ts';
import { usageError } from './usage-error.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly file?: string;
  readonly projectName?: string;
  readonly progress: ProgressMode;
  readonly format?: string;
  readonly debug?: boolean;
}

/** The input of a command: the process, its own and the global options, its operands, and what follows `--`. */
export interface CommandContext<Options = GlobalOptions> {
  readonly io: CliIo;
  readonly options: Options & GlobalOptions;
  /** The arguments that are not options: names of sandboxes, steps or snapshots. */
  readonly operands: readonly string[];
  /** null without a `--`. */
  readonly trailing: readonly string[] | null;
}

/** Runs a command. Returns its exit code. */
export type CommandRun<Options = GlobalOptions> = (
  context: CommandContext<Options>,
) => Promise<number>;

/**
 * The value of `--format`, the first of `allowed` when it was not given.
 * @throws {GondolinError} CLI_USAGE for a format the command does not have.
 */
export function chooseFormat<const Format extends string>(
  { format }: GlobalOptions,
  allowed: readonly [Format, ...Format[]],
): Format {
  if (format === undefined) return allowed[0];
  const found = allowed.find((name) => name === format);
  if (found !== undefined) return found;
  throw usageError(`--format ${format}: this command has ${allowed.join(', ')}`);
}
