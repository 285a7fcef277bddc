import type { Dispatcher } from 'undici';
import { readRegistryFacts } from '../../host/registry-facts.ts';
import type { EnsureImageOptions } from '../guest-image.ts';
import type { RegistryClient } from './registry/registry-client.ts';
import { RegistrySettings } from './registry/registry-settings.ts';

/** The registries of this machine's user. No connection is opened before `client`. */
export interface Registries {
  readonly settings: RegistrySettings;
  /** Kept, so that a token is requested once. */
  client(): Promise<RegistryClient>;
  /** Ends the connections. May be called twice. */
  close(): Promise<void>;
}

/** @throws {GondolinError} IMAGE_REGISTRY_CONFIG_INVALID. */
export async function openRegistries(
  options: Pick<EnsureImageOptions, 'env' | 'environment' | 'transferLimits'>,
  signal: AbortSignal,
): Promise<Registries> {
  const facts = await readRegistryFacts(options.env);
  const settings = new RegistrySettings(facts);
  let dispatcher: Dispatcher | undefined;
  /** Loads HTTP only here: an image that is in the cache needs none. */
  const open = async (): Promise<RegistryClient> => {
    const { openTransport, TRANSFER_LIMITS } = await import('./registry/transport.ts');
    const { RegistryClient: Client } = await import('./registry/registry-client.ts');
    const limits = { ...TRANSFER_LIMITS, ...options.transferLimits };
    dispatcher = await openTransport(options.environment ?? {}, limits);
    return new Client({ settings, facts, dispatcher, limits, signal });
  };
  let client: Promise<RegistryClient> | undefined;
  return {
    settings,
    client: () => {
      client ??= open();
      return client;
    },
    close: async () => {
      await client?.catch(() => undefined);
      await dispatcher?.destroy();
    },
  };
}
