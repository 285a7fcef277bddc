/** Shown in place of a value that is not in the project file. */
const MASK = '***';

/** Variables, with the names of those whose values must not be printed. */
export interface MaskableEnv {
  readonly env: Readonly<Record<string, string>>;
  readonly maskedEnv: readonly string[];
}

/** Returns the variables in the form in which they may be printed. */
export function maskEnv({ env, maskedEnv }: MaskableEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, maskedEnv.includes(name) ? MASK : value]),
  );
}
