import { createHash, type KeyObject } from 'node:crypto';
import oids from 'node-forge/lib/oids.js';
import { parseAddress } from '../../address/ip-address.ts';
import * as asn1 from './asn1.ts';

/** Tags of GeneralName (RFC 5280 §4.2.1.6). */
const DNS_NAME = 2;
const IP_ADDRESS = 7;

function extension(id: string, isCritical: boolean, value: asn1.Element): asn1.Element {
  const critical = isCritical ? [asn1.yes()] : [];
  return asn1.sequence(asn1.objectIdentifier(id), ...critical, asn1.octetString(asn1.toDer(value)));
}

/** RFC 5280 §4.2.1.2: any value that distinguishes keys. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const info = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(info).digest().subarray(0, 20);
}

function subjectKey(publicKey: KeyObject): asn1.Element {
  const id = asn1.octetString(keyIdentifier(publicKey));
  return extension(oids.subjectKeyIdentifier, false, id);
}

/** Extensions of an authority that signs leaves only, not further authorities. */
export function rootExtensions(publicKey: KeyObject): asn1.Element[] {
  const noAuthoritiesBelow = asn1.integer(Buffer.from([0]));
  const certSignAndCrlSign = asn1.bitString(Buffer.from([0x06]), 1);
  return [
    extension(oids.basicConstraints, true, asn1.sequence(asn1.yes(), noAuthoritiesBelow)),
    extension(oids.keyUsage, true, certSignAndCrlSign),
    subjectKey(publicKey),
  ];
}

/** A DNS name as it is, or the 4 or 16 bytes of an address. */
function generalName(host: string): asn1.Element {
  const address = parseAddress(host);
  if (address === null) return asn1.implicit(DNS_NAME, Buffer.from(host, 'latin1'));
  const digits = address.value.toString(16).padStart(address.family === 4 ? 8 : 32, '0');
  return asn1.implicit(IP_ADDRESS, Buffer.from(digits, 'hex'));
}

/**
 * Extensions of a server's certificate.
 * @param hasSubject  If false, the name in the extensions is the only one.
 */
export function leafExtensions(
  host: string,
  hasSubject: boolean,
  publicKey: KeyObject,
  issuerKey: KeyObject,
): asn1.Element[] {
  // digitalSignature, and keyEncipherment for the RSA key exchange of old clients.
  const usage =
    publicKey.asymmetricKeyType === 'rsa'
      ? asn1.bitString(Buffer.from([0xa0]), 5)
      : asn1.bitString(Buffer.from([0x80]), 7);
  const serverAuth = asn1.objectIdentifier(oids.serverAuth);
  const issuerId = asn1.implicit(0, keyIdentifier(issuerKey));
  return [
    extension(oids.basicConstraints, true, asn1.sequence()),
    extension(oids.keyUsage, true, usage),
    extension(oids.extKeyUsage, false, asn1.sequence(serverAuth)),
    // RFC 5280 §4.2.1.6.
    extension(oids.subjectAltName, !hasSubject, asn1.sequence(generalName(host))),
    subjectKey(publicKey),
    extension(oids.authorityKeyIdentifier, false, asn1.sequence(issuerId)),
  ];
}
