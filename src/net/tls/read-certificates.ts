import { X509Certificate } from 'node:crypto';

/** Returns each certificate of some PEM texts, in DER. */
export function readCertificates(pems: readonly string[]): Buffer[] {
  return pems
    .flatMap((pem) => pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [])
    .map((pem) => new X509Certificate(pem).raw);
}
