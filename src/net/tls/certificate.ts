import { type KeyObject, randomBytes, sign } from 'node:crypto';
import oids from 'node-forge/lib/oids.js';
import * as asn1 from './asn1.ts';
import { leafExtensions, rootExtensions } from './certificate-extensions.ts';

/** Missing from forge's table. */
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
/** X.520 ub-common-name. */
const MAX_COMMON_NAME = 64;
const SERIAL_BYTES = 16;
/** Counted from 0. */
const VERSION_3 = Buffer.from([2]);

/** The signer: its key, its name, and the id of its key, which signed certificates repeat. */
export interface Issuer {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly commonName: string;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

function name(commonName: string | null): asn1.Element {
  if (commonName === null) return asn1.sequence();
  const type = asn1.objectIdentifier(oids.commonName);
  return asn1.sequence(asn1.set(asn1.sequence(type, asn1.utf8String(commonName))));
}

function algorithm(key: KeyObject): asn1.Element {
  return key.asymmetricKeyType === 'rsa'
    ? asn1.sequence(asn1.objectIdentifier(oids.sha256WithRSAEncryption), asn1.nothing())
    : asn1.sequence(asn1.objectIdentifier(ECDSA_WITH_SHA256));
}

interface Draft {
  readonly issuer: Issuer;
  readonly subject: string | null;
  readonly publicKey: KeyObject;
  readonly validity: Validity;
  readonly extensions: readonly asn1.Element[];
}

/** The part of a certificate that is signed. */
function certificateBody({
  issuer,
  subject,
  publicKey,
  validity,
  extensions,
}: Draft): asn1.Element {
  const serial = randomBytes(SERIAL_BYTES);
  // Positive, of fixed length, never zero.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return asn1.sequence(
    asn1.explicit(0, asn1.integer(VERSION_3)),
    asn1.integer(serial),
    algorithm(issuer.privateKey),
    name(issuer.commonName),
    asn1.sequence(asn1.time(validity.notBefore), asn1.time(validity.notAfter)),
    name(subject),
    asn1.fromDer(publicKey.export({ type: 'spki', format: 'der' })),
    asn1.explicit(3, asn1.sequence(...extensions)),
  );
}

/** A certificate that is not signed yet. */
export interface CertificateDraft {
  /** DER; to be signed with SHA-256 by the issuer's key. */
  readonly toSign: Buffer;
  /** The whole, PEM. */
  pem(signature: Buffer): string;
}

function toDraft(draft: Draft): CertificateDraft {
  const body = certificateBody(draft);
  const { privateKey } = draft.issuer;
  return {
    toSign: asn1.toDer(body),
    pem(signature) {
      const whole = asn1.sequence(body, algorithm(privateKey), asn1.bitString(signature));
      const lines =
        asn1
          .toDer(whole)
          .toString('base64')
          .match(/.{1,64}/g) ?? [];
      return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
    },
  };
}

/** The issuer's own certificate, PEM: signs leaves only, no further authorities. @see RFC 5280 */
export function createRootCertificate(issuer: Issuer, validity: Validity): string {
  const { commonName: subject, publicKey } = issuer;
  const extensions = rootExtensions(publicKey);
  const draft = toDraft({ issuer, subject, publicKey, validity, extensions });
  return draft.pem(sign('sha256', draft.toSign, issuer.privateKey));
}

/**
 * Drafts a server's certificate for one name or address.
 * @param host  Checked: a DNS name in ASCII (it becomes the subjectAltName unchanged, never a wildcard) or an IP address.
 */
export function draftLeafCertificate(
  issuer: Issuer,
  { host, publicKey, validity }: { host: string; publicKey: KeyObject; validity: Validity },
): CertificateDraft {
  const subject = host.length <= MAX_COMMON_NAME ? host : null;
  const extensions = leafExtensions(host, subject !== null, publicKey, issuer.publicKey);
  return toDraft({ issuer, subject, publicKey, validity, extensions });
}
