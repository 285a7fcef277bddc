/** For a terminal; runs in a login shell: bash where the image has it, else sh. */
export const INTERACTIVE_SHELL =
  'if command -v bash >/dev/null; then exec bash -i; else exec sh -i; fi';
/** For input that is no terminal: a script, without prompts. */
export const SCRIPT_SHELL = 'if command -v bash >/dev/null; then exec bash; else exec sh; fi';
