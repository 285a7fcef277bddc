import { GondolinError } from '../errors/gondolin-error.ts';
import { toDefinition, toNetworkPolicy } from '../net/live/network-definition.ts';
import type { NetworkPolicy, NetworkUpdate } from '../net/live/network-update.ts';
import type { GuestNetwork } from './guest-network.ts';

/**
 * The network of a running VM: shows the policy in force, and changes it.
 *
 * @example
 * await vm.network.update({
 *   allowedHosts: [...vm.network.policy.allowedHosts, 'registry.example.com'],
 *   secrets: { GITHUB_TOKEN: { value: process.env['GITHUB_TOKEN'] } },
 * });
 */
export class LiveNetwork {
  readonly #network: GuestNetwork | null;

  /** @internal */
  constructor(network: GuestNetwork | null) {
    this.#network = network;
  }

  /** The policy in force; `mode: 'none'` for a VM without a network. Frozen, a copy for each call, without values of secrets. */
  get policy(): NetworkPolicy {
    return this.#network?.policy ?? toNetworkPolicy(toDefinition({ policy: { mode: 'none' } }));
  }

  /**
   * Changes the network while the VM runs, all or nothing. Later requests are judged by the new policy, on open connections
   * too. Raw TCP, WebSockets and requests in progress to hosts that it no longer allows are broken off. The placeholder of a
   * new secret is in the environment of commands that start later; a rotated secret keeps its placeholder, and that of a
   * revoked one (`null`) is refused. docs/network.md, "Updates".
   *
   * @throws {GondolinError} NET_UPDATE_INVALID, NET_PATTERN_INVALID or NET_SECRET_INVALID naming the field: nothing has changed.
   *   VM_NO_NETWORK for a VM that was created without one, NET_CLOSED for one that was closed.
   */
  async update(update: NetworkUpdate): Promise<void> {
    if (this.#network === null) {
      throw new GondolinError(
        'VM_NO_NETWORK',
        'network.update: the VM was created without a network',
      );
    }
    await this.#network.update(update);
  }
}
