import { createHash, X509Certificate } from 'node:crypto';
import * as der from './der.ts';

const COMMON_NAME = '2.5.4.3';

/**
 * The name OpenSSL looks a trusted certificate up by in a directory: 8 hex digits, without the `.0`. For certificates
 * whose subject is one common name, as ours.
 * @see OpenSSL X509_NAME_hash_ex: SHA-1 over the name in its canonical form, small letters and single blanks
 */
export function subjectHash(certificatePem: string): string {
  const { subject } = new X509Certificate(certificatePem);
  const commonName = /^CN=(.*)$/.exec(subject)?.[1] ?? '';
  const canonical = commonName.trim().replace(/\s+/g, ' ').toLowerCase();
  const name = der.set(der.sequence(der.objectIdentifier(COMMON_NAME), der.utf8String(canonical)));
  return createHash('sha1').update(name).digest().readUInt32LE(0).toString(16).padStart(8, '0');
}
