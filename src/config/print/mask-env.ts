/** Stands for a value that does not stand in the project file. */
const MASK = '***';

/** Variables, and the names of those whose values are not printed. */
export interface MaskableEnv {
  readonly env: Readonly<Record<string, string>>;
  readonly maskedEnv: readonly string[];
}

/** Returns the variables as they may be printed. */
export function maskEnv({ env, maskedEnv }: MaskableEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, maskedEnv.includes(name) ? MASK : value]),
  );
}
