import type { Duplex } from 'node:stream';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { GuestConnect } from '../../ingress/guest-connect.ts';

/** `VM.connect`, as far as ports use it; null for a VM that has not started. */
export type VmConnect = (
  port: number,
  options?: { readonly signal?: AbortSignal },
) => Promise<Duplex> | null;

/** Makes the connections of a VM those of `ingress/`, which takes null for a port where nothing listens. */
export function guestConnect(connect: VmConnect): GuestConnect {
  return async (port, options) => {
    try {
      return await connect(port, options);
    } catch (error) {
      if (GondolinError.is(error) && error.code === 'VM_CONNECT_REFUSED') return null;
      throw error;
    }
  };
}
