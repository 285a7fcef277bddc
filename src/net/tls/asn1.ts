/** ASN.1 elements for X.509, built with node-forge, which represents bytes as one character each. */
import forge from 'node-forge/lib/asn1.js';

export type Element = ReturnType<typeof forge.create>;

const { Class, Type } = forge;
/** From then on a year has four digits (RFC 5280 §4.1.2.5). */
const LONG_YEARS_FROM_MS = Date.UTC(2050, 0);

function primitive(type: keyof typeof Type, content: string): Element {
  return forge.create(Class.UNIVERSAL, Type[type], false, content);
}

export function sequence(...elements: Element[]): Element {
  return forge.create(Class.UNIVERSAL, Type.SEQUENCE, true, elements);
}

export function set(...elements: Element[]): Element {
  return forge.create(Class.UNIVERSAL, Type.SET, true, elements);
}

/** @param bytes  Most significant first, without a sign. */
export function integer(bytes: Buffer): Element {
  return primitive('INTEGER', bytes.toString('latin1'));
}

export function yes(): Element {
  return primitive('BOOLEAN', '\xff');
}

export function nothing(): Element {
  return primitive('NULL', '');
}

export function octetString(bytes: Buffer): Element {
  return primitive('OCTETSTRING', bytes.toString('latin1'));
}

/** @param unusedBits  At the end of the last byte, 0..7. */
export function bitString(bytes: Buffer, unusedBits = 0): Element {
  return primitive('BITSTRING', String.fromCharCode(unusedBits) + bytes.toString('latin1'));
}

export function utf8String(text: string): Element {
  return primitive('UTF8', Buffer.from(text, 'utf8').toString('latin1'));
}

/** @param id  Dotted decimal. */
export function objectIdentifier(id: string): Element {
  return primitive('OID', forge.oidToDer(id).getBytes());
}

/** Time in whole seconds. */
export function time(at: Date): Element {
  return at.getTime() < LONG_YEARS_FROM_MS
    ? primitive('UTCTIME', forge.dateToUtcTime(at))
    : primitive('GENERALIZEDTIME', forge.dateToGeneralizedTime(at));
}

/** `[tag]` of the context, around a complete element. */
export function explicit(tag: number, element: Element): Element {
  return forge.create(Class.CONTEXT_SPECIFIC, tag, true, [element]);
}

/** `[tag]` of the context, in place of a primitive element's own. */
export function implicit(tag: number, bytes: Buffer): Element {
  return forge.create(Class.CONTEXT_SPECIFIC, tag, false, bytes.toString('latin1'));
}

/** The element of bytes that Node made. */
export function fromDer(bytes: Buffer): Element {
  return forge.fromDer(bytes.toString('latin1'));
}

export function toDer(element: Element): Buffer {
  return Buffer.from(forge.toDer(element).getBytes(), 'latin1');
}
