import type { Duplex } from 'node:stream';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { GuestConnect } from '../../ingress/guest-connect.ts';

/**
 * Most connections to one guest at once, by all its ports. Commands and files use streams of the same session, which has 1,024: clients must
 * not take those.
 */
export const MAX_PORT_CONNECTIONS = 768;

/** `VM.connect`, as far as ports use it; null for a VM that has not started. */
export type VmConnect = (
  port: number,
  options?: { readonly signal?: AbortSignal },
) => Promise<Duplex> | null;

/**
 * Makes the connections of a VM those of `ingress/`, which takes null for a port where nothing listens.
 * Throws INGRESS_BUSY when as many as one guest may have are open.
 */
export function guestConnect(connect: VmConnect): GuestConnect {
  let open = 0;
  return async (port, options) => {
    if (open >= MAX_PORT_CONNECTIONS) {
      throw new GondolinError('INGRESS_BUSY', `${open} connections to the guest are open`);
    }
    open += 1;
    const stream = await dial(connect, port, options).catch((error: unknown) => {
      open -= 1;
      throw error;
    });
    if (stream === null || stream.closed) open -= 1;
    else stream.once('close', () => (open -= 1));
    return stream;
  };
}

async function dial(
  connect: VmConnect,
  ...[port, options]: Parameters<VmConnect>
): Promise<Duplex | null> {
  try {
    return await connect(port, options);
  } catch (error) {
    if (GondolinError.is(error) && error.code === 'VM_CONNECT_REFUSED') return null;
    throw error;
  }
}
