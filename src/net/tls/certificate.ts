import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import * as der from './der.ts';

const OID = {
  commonName: '2.5.4.3',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const;

/** X.520 ub-common-name. */
const MAX_COMMON_NAME = 64;
const SERIAL_BYTES = 16;

/** Who signs: its key, its name and the id of its key, which the signed certificates repeat. */
export interface Issuer {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly commonName: string;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

function name(commonName: string | null): Buffer {
  if (commonName === null) return der.sequence();
  const type = der.objectIdentifier(OID.commonName);
  return der.sequence(der.set(der.sequence(type, der.utf8String(commonName))));
}

/** RFC 5280 §4.2.1.2: any value that tells keys apart. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const info = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(info).digest().subarray(0, 20);
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  const critical = isCritical ? [der.boolean(true)] : [];
  return der.sequence(der.objectIdentifier(id), ...critical, der.octetString(value));
}

function algorithm(key: KeyObject): Buffer {
  return key.asymmetricKeyType === 'rsa'
    ? der.sequence(der.objectIdentifier(OID.sha256WithRsa), Buffer.from([0x05, 0x00]))
    : der.sequence(der.objectIdentifier(OID.ecdsaWithSha256));
}

interface Draft {
  readonly issuer: Issuer;
  readonly subject: string | null;
  readonly publicKey: KeyObject;
  readonly validity: Validity;
  readonly extensions: readonly Buffer[];
}

function signDraft({ issuer, subject, publicKey, validity, extensions }: Draft): string {
  const serial = randomBytes(SERIAL_BYTES);
  // Positive and of one length, never zero.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.from([2]))),
    der.integer(serial),
    algorithm(issuer.privateKey),
    name(issuer.commonName),
    der.sequence(der.time(validity.notBefore), der.time(validity.notAfter)),
    name(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...extensions)),
  );
  const signature = sign('sha256', body, issuer.privateKey);
  return toPem(der.sequence(body, algorithm(issuer.privateKey), der.bitString(signature)));
}

function toPem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** The issuer's own certificate, PEM: signs leaves only, no further authorities. @see RFC 5280 */
export function createRootCertificate(issuer: Issuer, validity: Validity): string {
  const certSignAndCrlSign = der.bitString(Buffer.from([0x06]), 1);
  return signDraft({
    issuer,
    subject: issuer.commonName,
    publicKey: issuer.publicKey,
    validity,
    extensions: [
      extension(
        OID.basicConstraints,
        true,
        der.sequence(der.boolean(true), der.integer(Buffer.from([0]))),
      ),
      extension(OID.keyUsage, true, certSignAndCrlSign),
      extension(OID.subjectKeyIdentifier, false, der.octetString(keyIdentifier(issuer.publicKey))),
    ],
  });
}

/** 4 or 16 bytes of an address. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const bare = address.split('%')[0] ?? '';
  // An IPv4 tail becomes two groups.
  const plain = bare.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...digits: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = digits.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (text: string): string[] => text.split(':').filter((group) => group !== '');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  const all = [...left, ...zeros, ...right].map((group) => group.padStart(4, '0'));
  return Buffer.from(all.join(''), 'hex');
}

/**
 * A server's certificate for one name or address, PEM.
 * @param host  Checked: a DNS name in ASCII (it becomes a subjectAltName as it is, never a wildcard) or an IP address.
 */
export function createLeafCertificate(
  issuer: Issuer,
  { host, publicKey, validity }: { host: string; publicKey: KeyObject; validity: Validity },
): string {
  const isAddress = isIP(host) !== 0;
  const alternative = isAddress
    ? der.implicit(7, addressBytes(host))
    : der.implicit(2, Buffer.from(host, 'latin1'));
  const subject = host.length <= MAX_COMMON_NAME ? host : null;
  // digitalSignature, and keyEncipherment for the RSA key exchange of old clients.
  const usage =
    publicKey.asymmetricKeyType === 'rsa'
      ? der.bitString(Buffer.from([0xa0]), 5)
      : der.bitString(Buffer.from([0x80]), 7);
  return signDraft({
    issuer,
    subject,
    publicKey,
    validity,
    extensions: [
      extension(OID.basicConstraints, true, der.sequence()),
      extension(OID.keyUsage, true, usage),
      extension(OID.extendedKeyUsage, false, der.sequence(der.objectIdentifier(OID.serverAuth))),
      // Critical when there is no subject to go by (RFC 5280 §4.2.1.6).
      extension(OID.subjectAltName, subject === null, der.sequence(alternative)),
      extension(OID.subjectKeyIdentifier, false, der.octetString(keyIdentifier(publicKey))),
      extension(
        OID.authorityKeyIdentifier,
        false,
        der.sequence(der.implicit(0, keyIdentifier(issuer.publicKey))),
      ),
    ],
  });
}
