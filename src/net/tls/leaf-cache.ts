import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { createSecureContext, DEFAULT_CIPHERS, type SecureContext } from 'node:tls';
import { promisify } from 'node:util';
import { parseAddress } from '../../address/ip-address.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { CERTIFICATES } from '../limits.ts';
import { TokenBucket } from '../token-bucket.ts';
import { draftLeafCertificate } from './certificate.ts';
import { CLOCK_MARGIN_MS, type HostCa } from './host-ca.ts';

const signOnThread = promisify(sign);

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
 * The server chooses the cipher, because the guest is the slower side. An emulated CPU runs plain arithmetic far faster than AES
 * instructions: OpenSSL's ChaCha20 in general registers gave 165 MB/s under TCG, AES-128-GCM 44, AES-256-GCM 37.
 */
function cipherList(isCpuEmulated: boolean): string {
  const tls12 = DEFAULT_CIPHERS.split(':').filter((name) => !name.startsWith('TLS_'));
  const order = isCpuEmulated ? [CHACHA, AES_GCM, tls12] : [AES_GCM, CHACHA.slice(0, 1), tls12];
  return order.flat().join(':');
}

/**
 * Server certificates by host name, created on first use and kept; the least recently used are dropped first. Only for names
 * that the policy allows: each new one costs the event loop about 1.2 ms (0.8 ms of it for Node's context). They are created
 * one at a time and signed on a thread, so that other work runs in between; after a burst of 200 the rate is 25 per second.
 */
export class LeafCache {
  readonly #ca: HostCa;
  readonly #ciphers: string;
  readonly #maxEntries: number;
  readonly #entries = new Map<string, Entry>();
  readonly #making = new Map<string, Promise<Entry>>();
  readonly #budget = new TokenBucket(CERTIFICATES);
  /** Settles once nothing is being made; never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #publicKey: KeyObject;
  readonly #keyPem: string;

  /**
   * @param maxEntries  1 or more. @default 512
   * @param isCpuEmulated  True if the CPU of the clients is emulated. @default false
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
   * Returns the certificate and key that a TLS server presents for this host.
   * @param host  Untrusted: a DNS name (lower case ASCII, no trailing dot, no wildcard) or an IP address.
   * @throws {GondolinError} NET_TLS_NAME_INVALID when it is neither.
   */
  async contextFor(host: string, nowMs: number = Date.now()): Promise<SecureContext> {
    if (parseAddress(host) === null && !NAME.test(host)) {
      throw new GondolinError(
        'NET_TLS_NAME_INVALID',
        'The TLS server name is not a valid host name',
      );
    }
    const known = this.#entries.get(host);
    const isGood = known !== undefined && nowMs < known.renewAtMs;
    const entry = isGood ? known : await this.#make(host, nowMs);
    // Moved to the end of the map: the most recently used.
    this.#entries.delete(host);
    this.#entries.set(host, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#maxEntries && oldest !== undefined) this.#entries.delete(oldest);
    return entry.context;
  }

  /** One for all who ask for a name meanwhile. */
  #make(host: string, nowMs: number): Promise<Entry> {
    const making = this.#making.get(host);
    if (making !== undefined) return making;
    const made = this.#last.then(async () => {
      const waitMs = this.#budget.takeAhead();
      if (waitMs > 0) await setTimeout(waitMs, undefined, { ref: false });
      return this.#mint(host, nowMs);
    });
    this.#last = made.catch(() => undefined);
    this.#making.set(host, made);
    return made.finally(() => this.#making.delete(host));
  }

  async #mint(host: string, nowMs: number): Promise<Entry> {
    const notAfterMs = nowMs + LIFE_MS;
    const draft = draftLeafCertificate(this.#ca.issuer, {
      host,
      publicKey: this.#publicKey,
      validity: { notBefore: new Date(nowMs - CLOCK_MARGIN_MS), notAfter: new Date(notAfterMs) },
    });
    const signature = await signOnThread('sha256', draft.toSign, this.#ca.issuer.privateKey);
    const cert = draft.pem(signature);
    const context = createSecureContext({
      cert,
      key: this.#keyPem,
      minVersion: 'TLSv1.2',
      ciphers: this.#ciphers,
      honorCipherOrder: true,
    });
    return { context, renewAtMs: notAfterMs - RENEW_BEFORE_MS };
  }
}
