import type { CliIo } from './io.ts';
import type { ProgressMode } from './ui/progress/progress-mode.ts';
import { usageError } from './usage-error.ts';

/** The options of every command. */
export interface GlobalOptions {
  readonly file?: string;
  readonly projectName?: string;
  /** Values of the project's `args:` by name. */
  readonly arg?: Readonly<Record<string, string>>;
  /** Active profiles. */
  readonly profile?: readonly string[];
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
 * Returns the value of `--format`, by default the first of `allowed`.
 * @throws {GondolinError} CLI_USAGE for a format that the command does not support.
 */
export function chooseFormat<const Format extends string>(
  { format }: GlobalOptions,
  allowed: readonly [Format, ...Format[]],
): Format {
  if (format === undefined) return allowed[0];
  const found = allowed.find((name) => name === format);
  if (found !== undefined) return found;
  throw usageError(`--format ${format}: this command supports ${allowed.join(', ')}`);
}
