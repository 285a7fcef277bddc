import { stringify } from 'yaml';
import type { Config, SandboxConfig } from './config.ts';

/** Stands for a value that does not stand in the project file. */
const MASK = '***';

function maskEnv({
  env,
  maskedEnv,
}: Pick<SandboxConfig, 'env' | 'maskedEnv'>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, maskedEnv.includes(name) ? MASK : value]),
  );
}

function maskSandbox(sandbox: SandboxConfig) {
  const { maskedEnv: _names, ...shown } = sandbox;
  const steps = sandbox.steps.map(({ maskedEnv, ...step }) => ({
    ...step,
    env: maskEnv({ env: step.env, maskedEnv }),
    inputs: step.inputs.map(({ pattern }) => pattern),
  }));
  return { ...shown, env: maskEnv(sandbox), steps };
}

/**
 * The effective configuration, every default filled in. Values of variables that came from the host's environment or
 * an env_file are masked.
 */
export function renderConfig(config: Config, format: 'yaml' | 'json'): string {
  const shown = { ...config, sandboxes: config.sandboxes.map(maskSandbox) };
  return format === 'json' ? `${JSON.stringify(shown, null, 2)}\n` : stringify(shown);
}
