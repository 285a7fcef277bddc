import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatAddress } from '../../../../src/address/ip-address.ts';
import { createRootCertificate } from '../../../../src/net/tls/certificate.ts';
import { signedLeaf } from '../../../fixtures/net/certificates.ts';

const ec = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const issuer = { ...ec(), commonName: 'gondolin local CA é' };
const validity = { notBefore: new Date('2026-01-01'), notAfter: new Date('2026-02-01') };
const rootPem = createRootCertificate(issuer, validity);
const root = new X509Certificate(rootPem);

function leaf(host: string, notAfter = validity.notAfter): X509Certificate {
  const dates = { ...validity, notAfter };
  const { publicKey } = issuer;
  return new X509Certificate(signedLeaf(issuer, { host, publicKey, validity: dates }));
}

/** A length and what it stands before. */
const der = (tag: number, content: Buffer) =>
  Buffer.concat([Buffer.from([tag, content.length]), content]);

it('createRootCertificate() makes an authority that is its own issuer', () => {
  expect(root.ca).toBe(true);
  expect(root.checkIssued(root)).toBe(true);
  expect(root.verify(issuer.publicKey)).toBe(true);
  expect(root.subject).toBe('CN=gondolin local CA é');
  expect(root.toString()).toBe(rootPem);
});

it('draftLeafCertificate() makes a server certificate that the root issued', () => {
  const certificate = leaf('api.example.com');
  expect(certificate.checkIssued(root)).toBe(true);
  expect(certificate.verify(issuer.publicKey)).toBe(true);
  expect(certificate.ca).toBe(false);
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  expect(certificate.subjectAltName).toBe('DNS:api.example.com');
});

it('draftLeafCertificate() leaves a name of more than 64 characters out of the subject', () => {
  const ofLength = (length: number) => `${'a'.repeat(50)}.${'b'.repeat(length - 51)}`;
  expect(leaf(ofLength(64)).subject).toBe(`CN=${ofLength(64)}`);
  expect(leaf(ofLength(65)).subject ?? '').toBe('');
  expect(leaf(ofLength(65)).checkHost(ofLength(65))).toBe(ofLength(65));
});

it('draftLeafCertificate() names every address by its bytes', () => {
  const family = fc.oneof(
    fc.record({ family: fc.constant(4 as const), value: fc.bigInt(0n, 2n ** 32n - 1n) }),
    fc.record({ family: fc.constant(6 as const), value: fc.bigInt(0n, 2n ** 128n - 1n) }),
    fc.record({
      family: fc.constant(6 as const),
      value: fc.bigInt(0xffffn << 32n, 2n ** 48n - 1n),
    }),
  );
  fc.assert(
    fc.property(family, (address) => {
      const text = formatAddress(address);
      const certificate = leaf(text);
      expect(certificate.checkIP(text)).toBe(text);
      const hex = address.value.toString(16).padStart(address.family === 4 ? 8 : 32, '0');
      expect(certificate.raw.includes(der(0x87, Buffer.from(hex, 'hex')))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

it.each([
  ['2049-12-31T23:59:59Z', der(0x17, Buffer.from('491231235959Z'))],
  ['2050-01-01T00:00:00Z', der(0x18, Buffer.from('20500101000000Z'))],
])('draftLeafCertificate() writes the date %s as RFC 5280 wants', (date, bytes) => {
  const certificate = leaf('a.example', new Date(date));
  expect(certificate.raw.includes(bytes)).toBe(true);
  expect(Date.parse(certificate.validTo)).toBe(Date.parse(date));
});

it('draftLeafCertificate() carries any key unchanged', () => {
  // Some begin like an element of ASN.1, which forge takes apart.
  for (let count = 0; count < 100; count += 1) {
    const { publicKey } = ec();
    const pem = signedLeaf(issuer, { host: 'a.example', publicKey, validity });
    expect(new X509Certificate(pem).publicKey.equals(publicKey)).toBe(true);
  }
});
