/** Returns the kind of terminal that this process runs on, as its environment says; undefined when it does not. */
export function hostTerminalType(): string | undefined {
  const term = process.env['TERM'];
  return term === undefined || term === '' ? undefined : term;
}
