/** Exit codes of `gondolin run` (docs/cli.md): what a CI script can tell apart. */
export const EXIT = {
  config: 2,
  policy: 3,
  timeout: 124,
  runner: 125,
  notExecutable: 126,
  notFound: 127,
  interrupted: 130,
} as const;

/**
 * Every error gondolin raises on purpose. `AREA_WHAT`, where AREA is the folder that raises it.
 * `hint` is the next move for the person reading; a call site may pass a more exact one.
 * Stable: renaming a code is a breaking change. docs/errors.md lists the same rows (held by a test).
 */
export const CODES = {
  CONFIG_NOT_FOUND: {
    exit: EXIT.config,
    hint: 'Create a gondolin.yaml with `gondolin init`, or name one with -f FILE.',
  },
  CONFIG_INVALID: {
    exit: EXIT.config,
    hint: 'Fix the places named above and run the command again.',
  },
} as const satisfies Record<string, { exit: number; hint: string }>;

/** The closed union of error codes; match on this, never on a message. */
export type ErrorCode = keyof typeof CODES;
