import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { writeFileAtomic } from '../../host/atomic-write.ts';
import { ensureDirectory } from '../../host/directories.ts';
import { lockFile } from '../../host/file-lock.ts';
import type { Issuer } from './certificate.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Guests may have slow clocks. */
export const CLOCK_MARGIN_MS = 2 * DAY_MS;
const LIFE_MS = 3650 * DAY_MS;
/** Renewed while the guests that trust it still run. */
const RENEW_BEFORE_MS = 90 * DAY_MS;
const MAX_FILE_BYTES = 64 * 1024;
/** Name of the file with the certificate and the private keys: in one file they cannot belong to two authorities. */
const FILE_NAME = 'ca.pem';
const LOCK_NAME = 'ca.lock';

const generate = promisify(generateKeyPair);

/**
 * The certificate authority of this machine: signs the certificates that guests see instead of the servers' own. It is
 * trusted by our guests only, and its key never leaves its file (0600). Printing it does not show the key.
 */
export class HostCa {
  /** The certificate that guests trust, PEM. */
  readonly certificatePem: string;
  /** `sha256:` + 64 hex digits of the certificate: what a saved guest must be compared with. */
  readonly fingerprint: string;
  /** `created`: there was no authority; `replaced`: the old one was damaged, expired or readable by others. */
  readonly origin: 'loaded' | 'created' | 'replaced';
  readonly #issuer: Issuer;
  readonly #leafKey: KeyObject;

  private constructor(parts: CaParts, origin: HostCa['origin']) {
    this.certificatePem = parts.certificatePem;
    this.fingerprint = certificateFingerprint(parts.certificatePem);
    this.origin = origin;
    this.#issuer = parts.issuer;
    this.#leafKey = parts.leafKey;
  }

  /** Signs; for `LeafCache`. */
  get issuer(): Issuer {
    return this.#issuer;
  }

  /** The key of all server certificates: one, because making a key for each name would cost more than it gives. */
  get leafKey(): KeyObject {
    return this.#leafKey;
  }

  /**
   * Reads the authority in `directory`, or creates it there; concurrent processes get the same one. One that is
   * damaged, about to expire, or readable by others is replaced: guests trust the new one from their next start.
   * @throws {GondolinError} NET_CA_UNUSABLE when it belongs to another user or cannot be read;
   *   HOST_DIRECTORY_UNUSABLE, HOST_LOCK_FAILED, HOST_WRITE_FAILED.
   */
  static async open(directory: string, now: Date = new Date()): Promise<HostCa> {
    const path = join(directory, FILE_NAME);
    const found = await load(path, now);
    if (found.state === 'usable') return new HostCa(found.parts, 'loaded');
    await ensureDirectory(directory);
    const lock = await lockFile(join(directory, LOCK_NAME), 'exclusive');
    try {
      // Another process may have created it while we waited.
      const again = await load(path, now);
      if (again.state === 'usable') return new HostCa(again.parts, 'loaded');
      const parts = await create(now);
      await writeFileAtomic(path, serialise(parts));
      return new HostCa(parts, again.state === 'missing' ? 'created' : 'replaced');
    } finally {
      lock.release();
    }
  }
}

interface CaParts {
  readonly certificatePem: string;
  readonly issuer: Issuer;
  readonly leafKey: KeyObject;
}

type Found =
  | { readonly state: 'usable'; readonly parts: CaParts }
  | { readonly state: 'missing' | 'broken' };

function certificateFingerprint(certificatePem: string): string {
  return `sha256:${createHash('sha256').update(new X509Certificate(certificatePem).raw).digest('hex')}`;
}

async function load(path: string, now: Date): Promise<Found> {
  let text: string;
  try {
    const stat = await lstat(path);
    if (stat.uid !== process.getuid?.()) throw new Error('it belongs to another user');
    // Anyone with the key can impersonate any server to our guests.
    const isPrivate = stat.isFile() && (stat.mode & 0o077) === 0 && stat.size <= MAX_FILE_BYTES;
    if (!isPrivate) return { state: 'broken' };
    text = await readFile(path, 'latin1');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { state: 'missing' };
    throw new GondolinError('NET_CA_UNUSABLE', `Cannot read the certificate authority "${path}"`, {
      cause,
      details: { path },
    });
  }
  const parts = parse(text);
  return parts !== null && isValid(parts, now) ? { state: 'usable', parts } : { state: 'broken' };
}

function serialise({ certificatePem, issuer, leafKey }: CaParts): string {
  const keys = [issuer.privateKey, leafKey].map((key) =>
    key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  return [certificatePem, ...keys].join('');
}

function parse(text: string): CaParts | null {
  const blocks = text.match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----\n?/g) ?? [];
  const [certificatePem = '', caKey = '', leafKey = ''] = blocks;
  try {
    const certificate = new X509Certificate(certificatePem);
    const commonName = /^CN=(.+)$/m.exec(certificate.subject)?.[1];
    if (blocks.length !== 3 || commonName === undefined) return null;
    const privateKey = createPrivateKey(caKey);
    const publicKey = createPublicKey(privateKey);
    if (!certificate.checkPrivateKey(privateKey) || !certificate.verify(publicKey)) return null;
    return {
      certificatePem,
      issuer: { privateKey, publicKey, commonName },
      leafKey: createPrivateKey(leafKey),
    };
  } catch {
    // Whatever cannot be read, the caller creates a new authority.
    return null;
  }
}

function isValid({ certificatePem }: CaParts, now: Date): boolean {
  const { validFrom, validTo } = new X509Certificate(certificatePem);
  return (
    Date.parse(validFrom) <= now.getTime() && Date.parse(validTo) - now.getTime() > RENEW_BEFORE_MS
  );
}

async function create(now: Date): Promise<CaParts> {
  // In each handshake the guest verifies both signatures and we make the second. Measured: P-256 verifies in 1.34 ms in a
  // guest under TCG (0.065 with KVM) and signs in 0.02 here; RSA-2048 verifies in 0.2 (0.02) but signs in 0.65, during
  // which no other connection makes progress. So RSA signs once per name, and P-256 in each handshake.
  const [ca, leaf] = await Promise.all([
    generate('rsa', { modulusLength: 2048 }),
    generate('ec', { namedCurve: 'prime256v1' }),
  ]);
  // A unique name, so that clients with the former authority do not confuse the two.
  const commonName = `gondolin local CA ${randomBytes(4).toString('hex')}`;
  const issuer: Issuer = { ...ca, commonName };
  const { createRootCertificate } = await import('./certificate.ts');
  const certificatePem = createRootCertificate(issuer, {
    notBefore: new Date(now.getTime() - CLOCK_MARGIN_MS),
    notAfter: new Date(now.getTime() + LIFE_MS),
  });
  return { certificatePem, issuer, leafKey: leaf.privateKey };
}
