/** Runs a project in the background: `up -d` starts it. */
export const BACKGROUND_COMMAND = 'background-project';
/** Runs a project that a terminal shows: `up` starts it. */
export const TERMINAL_COMMAND = 'terminal-project';

/** Commands that gondolin starts itself, and `--help` does not show. */
export const INTERNAL_COMMANDS: ReadonlySet<string> = new Set([
  BACKGROUND_COMMAND,
  TERMINAL_COMMAND,
]);
