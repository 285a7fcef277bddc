import { resolveDirectories } from '../../host/directories.ts';
import type { NormalVMOptions } from '../normalize-options.ts';
import { describedNetwork } from '../open-network.ts';
import type { StartNetwork } from './start-context.ts';

/**
 * Returns the part of a network that a guest trusts, for a machine that may not use any network yet: each connection that it
 * opens is refused. Null when the options ask for none.
 * @throws {GondolinError} as `GuestNetwork.open`.
 */
export async function openTrust(options: NormalVMOptions): Promise<StartNetwork | null> {
  const described = describedNetwork(options);
  if (described === null) return null;
  const { GuestNetwork } = await import('../guest-network.ts');
  const { ca, ssh } = described;
  const network = await GuestNetwork.open({
    network: {
      policy: {},
      ...(ca === undefined ? {} : { ca }),
      ...(ssh === undefined ? {} : { ssh }),
    },
    caDirectory: resolveDirectories().authority,
    restored: null,
    onEvent: () => undefined,
    onWarning: () => undefined,
    log: () => undefined,
  });
  return {
    trustKey: network.trustKey,
    install: (agent) => network.install(agent),
    // Streams of a session without handlers are refused.
    register: () => undefined,
  };
}
