import { parseHost } from '../../address/host.ts';
import { hasHook, type RequestHooks } from '../hooks/http-hooks.ts';
import type { InternalHosts } from '../internal-host.ts';
import { compilePolicy, type Policy, type PolicyFacts } from '../policy/compile-policy.ts';
import { compileHostPatterns } from '../policy/host-patterns.ts';
import { SecretStore } from '../secret/secret-store.ts';
import type { NetworkDefinition } from './network-definition.ts';

/**
 * The compiled policy, secrets and hooks of a network. An update replaces the object as a whole: a request keeps to the one
 * it began with.
 */
export interface NetworkRules {
  readonly policy: Policy;
  /** null if the VM has none. */
  readonly secrets: SecretStore | null;
  /** null if none is set: no Request or Response objects are built then. */
  readonly hooks: RequestHooks | null;
  /** Returns true if TLS to this host is checked by its server name only. */
  readonly isPassthrough: (name: string, port: number) => boolean;
}

/** The parts of the rules that no update changes. */
export interface RuleFacts {
  readonly hooks: RequestHooks | undefined;
  readonly grants: NonNullable<PolicyFacts['grants']>;
  readonly placeholderSeed: Uint8Array;
  readonly internalHosts: InternalHosts;
}

/**
 * Compiles a definition.
 * @throws {GondolinError} NET_PATTERN_INVALID or NET_SECRET_INVALID naming the entry.
 */
export function compileRules(
  { policy, passthrough, sshHosts, secrets }: NetworkDefinition,
  { hooks, grants, placeholderSeed, internalHosts }: RuleFacts,
): { readonly rules: NetworkRules; readonly store: SecretStore } {
  const given = hooks !== undefined && hasHook(hooks) ? hooks : null;
  const opaque = compileHostPatterns(passthrough, 'passthrough');
  const compiled = compilePolicy(policy, {
    hasHooks: given !== null,
    hasSecrets: secrets.length > 0,
    grants,
    sshHosts,
    internalHosts,
  });
  const store = new SecretStore(secrets, placeholderSeed);
  const rules: NetworkRules = {
    policy: compiled,
    secrets: store.index.isEmpty ? null : store,
    hooks: given,
    isPassthrough(name, port) {
      const host = parseHost(name);
      return host !== null && opaque.find(host, port, false) !== undefined;
    },
  };
  return { rules, store };
}
