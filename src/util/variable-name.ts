const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** The names people give variables, unlike those of a token that was put where the name belongs. */
const SHOWABLE_NAME = /^(?:[A-Z_][A-Z0-9_]{0,63}|[A-Za-z_][A-Za-z0-9_]{0,15})$/;

/** Returns true for a name that an environment variable can have. */
export function isVariableName(text: string): boolean {
  return VARIABLE_NAME.test(text);
}

/** Returns false for a variable's name that looks like a token: if no such variable is set, it may be one, and is not shown. */
export function isShowableName(name: string): boolean {
  return SHOWABLE_NAME.test(name);
}
