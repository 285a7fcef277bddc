import type { NetworkOptions } from '../network-options.ts';
import { type PolicyOptions, withPolicyDefaults } from '../policy/policy-options.ts';
import type { LiveSecret } from '../secret/secret-options.ts';
import type { NetworkPolicy } from './network-update.ts';

/** All that an update can change about a network. */
export interface NetworkDefinition {
  readonly policy: Required<PolicyOptions>;
  readonly passthrough: readonly string[];
  /** Hosts of `network.ssh`, which no update changes. */
  readonly sshHosts: readonly string[];
  /** Revoked ones too. */
  readonly secrets: readonly LiveSecret[];
}

/** Returns the definition of a new network: copies, since the caller may change its objects. */
export function toDefinition(
  options: Pick<NetworkOptions, 'policy' | 'passthrough' | 'secrets' | 'ssh'>,
): NetworkDefinition {
  const { policy, passthrough = [], secrets = [], ssh } = options;
  return {
    policy: structuredClone(withPolicyDefaults(policy)),
    passthrough: [...passthrough],
    sshHosts: [...(ssh?.allowedHosts ?? [])],
    secrets,
  };
}

/** Returns the definition as its user may see it: frozen copies. */
export function toNetworkPolicy({
  policy,
  passthrough,
  secrets,
}: NetworkDefinition): NetworkPolicy {
  const facts = secrets
    .filter(({ isRevoked }) => isRevoked !== true)
    .map(({ name, hosts, headers = [], query = false, allowHttp = false }) => {
      return { name, hosts, headers, query, allowHttp };
    });
  return frozen(structuredClone({ ...policy, passthrough, secrets: facts }));
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}
