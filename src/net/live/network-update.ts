import type { PolicyOptions } from '../policy/policy-options.ts';

/**
 * A change of one secret of a running VM. To add a secret, give `value` and `hosts`; to rotate one, `value` alone.
 *
 * @example
 * const rotated: SecretChange = { value: process.env['GITHUB_TOKEN'] };
 * const added: SecretChange = { value: process.env['NPM_TOKEN'], hosts: ['npm.example.com'] };
 */
export interface SecretChange {
  /** The new value. The guest's placeholder stays the same. @default the value it has */
  readonly value?: string | undefined;
  /** Hosts that may have it. They are not allowed by that: see `allowedHosts`. @default the hosts it has */
  readonly hosts?: readonly string[];
  /** Header fields that may carry it; an empty list is every field. @default those it has, or every field */
  readonly headers?: readonly string[];
  /** Insert it into the query of URLs too. @default as it is, or false */
  readonly query?: boolean;
  /** Send it over plain HTTP too. @default as it is, or false */
  readonly allowHttp?: boolean;
}

/**
 * Changes to the network of a running VM. A field that is absent stays as it is; a list that is given replaces the old one.
 *
 * @example
 * const update: NetworkUpdate = { deniedHosts: ['upload.example.com'], secrets: { NPM_TOKEN: null } };
 */
export interface NetworkUpdate extends PolicyOptions {
  /** Hosts whose TLS is checked by its server name only. */
  readonly passthrough?: readonly string[];
  /** By the name of the guest's variable; null revokes a secret. Secrets without an entry stay as they are. */
  readonly secrets?: Readonly<Record<string, SecretChange | null>>;
}

/**
 * A secret as far as it may be shown.
 *
 * @example
 * const names = (secrets: readonly SecretFacts[]) => secrets.map(({ name }) => name);
 */
export interface SecretFacts {
  /** The guest's variable. */
  readonly name: string;
  readonly hosts: readonly string[];
  /** Empty: every field. */
  readonly headers: readonly string[];
  readonly query: boolean;
  readonly allowHttp: boolean;
}

/**
 * The policy of a VM's network that is in force, with all defaults filled in. Frozen; holds no value of a secret.
 *
 * @example
 * const { allowedHosts }: NetworkPolicy = vm.network.policy;
 */
export interface NetworkPolicy extends Required<PolicyOptions> {
  readonly passthrough: readonly string[];
  readonly secrets: readonly SecretFacts[];
}
