import type { SandboxPlan } from '../plan/plan.ts';
import type { VMNetwork } from '../vm/guest-network.ts';
import { networkOptions, readCaFiles } from './network-options.ts';

/**
 * Prepares the network options of a sandbox, with what its plan only refers to: values of secrets, certificates, the
 * policy script.
 * @param env  The environment that secrets from variables are read from.
 * @throws {GondolinError} NET_SECRET_UNREADABLE, NET_SECRET_INVALID, PROJECT_CA_INVALID, PROJECT_POLICY_SCRIPT_INVALID.
 */
export async function sandboxNetwork(
  { network, secrets }: Pick<SandboxPlan, 'network' | 'secrets'>,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<VMNetwork> {
  const [values, caPems, hooks] = await Promise.all([
    secrets.length === 0 ? [] : readValues(secrets, env, signal),
    readCaFiles(network.ca),
    network.policyScript === null ? undefined : loadHooks(network.policyScript),
  ]);
  const options = networkOptions(network, { secrets: values, caPems });
  return hooks === undefined ? options : { ...options, hooks };
}

async function readValues(
  secrets: SandboxPlan['secrets'],
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
) {
  const { readSecrets } = await import('../net/secret/read-source.ts');
  return readSecrets(secrets, { env, signal });
}

async function loadHooks(path: string) {
  const { loadPolicyScript } = await import('./load-policy-script.ts');
  return loadPolicyScript(path);
}
