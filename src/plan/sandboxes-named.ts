/** A sandbox by its name, and that of the sandbox whose `matrix:` made it; null for none. */
export interface NamedSandbox {
  readonly name: string;
  readonly matrixOf: string | null;
}

/** Returns the sandbox of that name, or those that the matrix of the sandbox of that name made; empty for an unknown name. */
export function sandboxesNamed<T extends NamedSandbox>(
  all: readonly T[],
  name: string,
): readonly T[] {
  const own = all.filter((sandbox) => sandbox.name === name);
  return own.length > 0 ? own : all.filter(({ matrixOf }) => matrixOf === name);
}
