import type { GuestTrust } from './network-options.ts';
import { guestTrustFiles } from './tls/guest-trust.ts';
import type { HostCa } from './tls/host-ca.ts';
import { LeafCache } from './tls/leaf-cache.ts';

/** This machine's certificate authority and the leaves of one VM. */
export class Certificates {
  readonly leaves: LeafCache;
  readonly #ca: HostCa;

  /** @param isCpuEmulated  True if the guest's CPU is emulated. */
  constructor(ca: HostCa, isCpuEmulated: boolean) {
    this.#ca = ca;
    this.leaves = new LeafCache(ca, { isCpuEmulated });
  }

  /** @param extraRoots  PEM; roots of hosts whose own certificates the guest sees. */
  trust(extraRoots: readonly string[]): Omit<GuestTrust, 'env'> {
    const caPem = this.#ca.certificatePem;
    const files = guestTrustFiles({ certificatePem: caPem, extraRoots });
    return { caPem, files };
  }
}
