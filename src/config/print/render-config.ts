import { stringify } from 'yaml';
import type { Config, SandboxConfig } from '../config.ts';
import { hideOutputs, hideServiceOutputs } from './hide-outputs.ts';
import { maskEnv } from './mask-env.ts';

function maskSandbox(sandbox: SandboxConfig) {
  const { maskedEnv: _names, ...shown } = hideOutputs(sandbox);
  const steps = sandbox.steps.map(({ maskedEnv, ...step }) => ({
    ...hideOutputs(step),
    env: maskEnv({ env: step.env, maskedEnv }),
    inputs: step.inputs.map(({ pattern }) => pattern),
  }));
  const service = hideServiceOutputs(sandbox.service);
  return { ...shown, env: maskEnv(sandbox), steps, service };
}

/**
 * Renders the effective configuration with every default filled in. Inherited variables, those of an env_file and those that
 * may contain a credential of the host are masked.
 */
export function renderConfig(config: Config, format: 'yaml' | 'json'): string {
  const shown = { ...config, sandboxes: config.sandboxes.map(maskSandbox) };
  return format === 'json' ? `${JSON.stringify(shown, null, 2)}\n` : stringify(shown);
}
