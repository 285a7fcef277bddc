import { readFile } from 'node:fs/promises';
import * as tls from 'node:tls';

/** Since Node 22.15: with `default`, the roots that this process trusts, by whatever flags and variables. */
type CertificateLists = { getCACertificates?: (type: 'default') => string[] };

/**
 * Roots that Node trusts on this machine beside its own list: those of the file `NODE_EXTRA_CA_CERTS`, and with
 * `--use-system-ca` the system's. Whoever gives a TLS context a list of roots takes these away and has to add them again.
 *
 * @returns Texts in PEM. A file that cannot be read adds none: Node says so on standard error when it starts.
 */
export async function readExtraRoots(): Promise<readonly string[]> {
  const path = process.env['NODE_EXTRA_CA_CERTS'] ?? '';
  const own = new Set(tls.rootCertificates);
  const more = (tls as CertificateLists).getCACertificates?.('default') ?? [];
  const file = path === '' ? null : await readFile(path, 'utf8').catch(() => null);
  return [...more.filter((pem) => !own.has(pem)), ...(file === null ? [] : [file])];
}
