/** Stands for a value that does not stand in the project file. */
const MASK = '***';

/** Variables, and the names of those whose values came from the host. */
export interface MaskableEnv {
  readonly env: Readonly<Record<string, string>>;
  readonly maskedEnv: readonly string[];
}

/** The variables as they may be printed: values that came from the host's environment or an env_file are masked. */
export function maskEnv({ env, maskedEnv }: MaskableEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, maskedEnv.includes(name) ? MASK : value]),
  );
}
