import { createHash, X509Certificate } from 'node:crypto';
import oids from 'node-forge/lib/oids.js';
import * as asn1 from './asn1.ts';

/**
 * Returns the file name by which OpenSSL looks up a trusted certificate in a directory: 8 hex digits, without the `.0`. Only
 * for certificates whose subject is one common name, like ours.
 * @see OpenSSL X509_NAME_hash_ex: SHA-1 over the name in its canonical form, small letters and single blanks
 */
export function subjectHash(certificatePem: string): string {
  const { subject } = new X509Certificate(certificatePem);
  const commonName = /^CN=(.*)$/.exec(subject)?.[1] ?? '';
  const canonical = asn1.utf8String(commonName.trim().replace(/\s+/g, ' ').toLowerCase());
  const name = asn1.set(asn1.sequence(asn1.objectIdentifier(oids.commonName), canonical));
  const digest = createHash('sha1').update(asn1.toDer(name)).digest();
  return digest.readUInt32LE(0).toString(16).padStart(8, '0');
}
