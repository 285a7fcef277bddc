import { createPublicKey, type KeyObject } from 'node:crypto';
import { createSecureContext, DEFAULT_CIPHERS, type SecureContext } from 'node:tls';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { parseAddress } from '../address/ip-address.ts';
import { createLeafCertificate } from './certificate.ts';
import { CLOCK_MARGIN_MS, type HostCa } from './host-ca.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const LIFE_MS = 30 * DAY_MS;
/** A guest that starts a long transfer now must not see it expire. */
const RENEW_BEFORE_MS = 2 * DAY_MS;
/** About 32 KiB each. */
const DEFAULT_MAX_ENTRIES = 512;
const AES_GCM = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'];
/** The second: TLS 1.2 with our keys. */
const CHACHA = ['TLS_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'];
const NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

export interface LeafCacheOptions {
  readonly maxEntries?: number;
  readonly isCpuEmulated?: boolean;
}

interface Entry {
  readonly context: SecureContext;
  readonly renewAtMs: number;
}

/**
 * Ours is the choice, for the guest is the slower side. An emulated CPU runs plain arithmetic far better than AES
 * instructions: OpenSSL's ChaCha20 in general registers gave 165 MB/s under TCG, AES-128-GCM 44, AES-256-GCM 37.
 */
function cipherList(isCpuEmulated: boolean): string {
  const tls12 = DEFAULT_CIPHERS.split(':').filter((name) => !name.startsWith('TLS_'));
  const order = isCpuEmulated ? [CHACHA, AES_GCM, tls12] : [AES_GCM, CHACHA.slice(0, 1), tls12];
  return order.flat().join(':');
}

/**
 * Server certificates by host name, made when first asked for and kept, the longest unused ones forgotten first. Ask only
 * for names that the policy lets through: each new one costs about 2 ms.
 */
export class LeafCache {
  readonly #ca: HostCa;
  readonly #ciphers: string;
  readonly #maxEntries: number;
  readonly #entries = new Map<string, Entry>();
  readonly #publicKey: KeyObject;
  readonly #keyPem: string;

  /**
   * @param maxEntries  1 or more. @default 512
   * @param isCpuEmulated  Of the clients. @default false
   */
  constructor(
    ca: HostCa,
    { maxEntries = DEFAULT_MAX_ENTRIES, isCpuEmulated = false }: LeafCacheOptions = {},
  ) {
    this.#ca = ca;
    this.#ciphers = cipherList(isCpuEmulated);
    this.#maxEntries = maxEntries;
    this.#publicKey = createPublicKey(ca.leafKey);
    this.#keyPem = ca.leafKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  }

  /** Names held now. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * What a TLS server shows for this host.
   * @param host  Untrusted: a DNS name (lower case ASCII, no trailing dot, no wildcard) or an IP address.
   * @throws {GondolinError} NET_TLS_NAME_INVALID when it is neither.
   */
  contextFor(host: string, nowMs: number = Date.now()): SecureContext {
    const known = this.#entries.get(host);
    if (known !== undefined) this.#entries.delete(host);
    const entry = known !== undefined && nowMs < known.renewAtMs ? known : this.#mint(host, nowMs);
    // Last in the order of the map: used most recently.
    this.#entries.set(host, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#maxEntries && oldest !== undefined) this.#entries.delete(oldest);
    return entry.context;
  }

  #mint(host: string, nowMs: number): Entry {
    if (parseAddress(host) === null && !NAME.test(host)) {
      throw new GondolinError(
        'NET_TLS_NAME_INVALID',
        'The server name of a TLS connection is none',
      );
    }
    const notAfterMs = nowMs + LIFE_MS;
    const cert = createLeafCertificate(this.#ca.issuer, {
      host,
      publicKey: this.#publicKey,
      validity: { notBefore: new Date(nowMs - CLOCK_MARGIN_MS), notAfter: new Date(notAfterMs) },
    });
    const context = createSecureContext({
      ...{ cert, key: this.#keyPem, minVersion: 'TLSv1.2' },
      ...{ ciphers: this.#ciphers, honorCipherOrder: true },
    });
    return { context, renewAtMs: notAfterMs - RENEW_BEFORE_MS };
  }
}
