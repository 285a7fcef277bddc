import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';

const PEM = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g;

/** Returns each certificate of some PEM texts, in DER. Throws Node's error for a text that is not a certificate. */
export function readCertificates(pems: readonly string[]): Buffer[] {
  return pems.flatMap((pem) => pem.match(PEM) ?? []).map((pem) => new X509Certificate(pem).raw);
}

let roots: readonly Buffer[] | null = null;

/** Returns Node's own roots in DER. They need no check, which for all of them takes as long as a TLS handshake. */
export function nodeRoots(): readonly Buffer[] {
  roots ??= rootCertificates.flatMap((text) =>
    [...text.matchAll(PEM)].map(([, body = '']) => Buffer.from(body, 'base64')),
  );
  return roots;
}
