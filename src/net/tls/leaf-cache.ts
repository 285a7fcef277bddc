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
/**
 * Ours is the choice, for the guest is the slower side: under TCG AES-128 takes 13 % less than the AES-256 that clients
 * put first, and ChaCha20 up to twice as long. For TLS 1.2 Node's own list has that order already.
 */
const CIPHERS = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...DEFAULT_CIPHERS.split(':').filter((name) => !name.startsWith('TLS_')),
].join(':');
const NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

interface Entry {
  readonly context: SecureContext;
  readonly renewAtMs: number;
}

/**
 * Server certificates by host name, made when first asked for and kept, the longest unused ones forgotten first. Ask only
 * for names that the policy lets through: each new one costs about 2 ms.
 */
export class LeafCache {
  readonly #ca: HostCa;
  readonly #maxEntries: number;
  readonly #entries = new Map<string, Entry>();
  readonly #publicKey: KeyObject;
  readonly #keyPem: string;

  /** @param maxEntries  1 or more. @default 512 */
  constructor(ca: HostCa, maxEntries = DEFAULT_MAX_ENTRIES) {
    this.#ca = ca;
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
      ...{ ciphers: CIPHERS, honorCipherOrder: true },
    });
    return { context, renewAtMs: notAfterMs - RENEW_BEFORE_MS };
  }
}
