import { resolveDirectories } from '../host/directories.ts';
import type { NetworkEventSink } from '../net/audit/network-event.ts';
import type { NetworkState } from '../net/network-options.ts';
import type { GuestNetwork, VMNetwork } from './guest-network.ts';
import type { NormalVMOptions } from './normalize-options.ts';
import type { DebugLog } from './vm-options.ts';

/** Returns the network that options describe; null when they ask for none. */
export function describedNetwork(options: NormalVMOptions): VMNetwork | null {
  const given = options.network ?? options.httpHooks?.network;
  const network = options.ssh === undefined ? given : { policy: {}, ...given, ssh: options.ssh };
  return network === undefined || network.policy.mode === 'none' ? null : network;
}

/**
 * Opens the network of a VM; null when its options ask for none, and then its code is not loaded.
 * @throws {GondolinError} as `GuestNetwork.open`; SNAPSHOT_REFUSED when a saved VM's state is damaged.
 */
export async function openNetwork(
  options: NormalVMOptions,
  log: DebugLog,
  onEvent: NetworkEventSink,
): Promise<GuestNetwork | null> {
  const network = describedNetwork(options);
  if (network === null) return null;
  const { GuestNetwork: Guest } = await import('./guest-network.ts');
  const { from } = options;
  return Guest.open({
    network,
    caDirectory: resolveDirectories().authority,
    restored: from === undefined ? null : await restoredNetwork(from),
    onEvent: (event) => {
      options.onNetworkEvent?.(event);
      onEvent(event);
    },
    onWarning: (message) => options.onWarning?.(message),
    log,
  });
}

async function restoredNetwork(directory: string): Promise<NetworkState> {
  const { readNetworkState } = await import('./snapshot/saved-network.ts');
  return readNetworkState(directory);
}
