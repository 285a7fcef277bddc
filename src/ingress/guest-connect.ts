import type { Duplex } from 'node:stream';

/**
 * Opens a TCP connection to a server in the guest. Resolves with null while nothing listens on the port.
 * @throws {GondolinError} the VM's error once it has ended; the reason of `signal`.
 */
export type GuestConnect = (
  port: number,
  options?: { readonly signal?: AbortSignal },
) => Promise<Duplex | null>;
