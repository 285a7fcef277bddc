const OCTET = /^(?:0|[1-9]\d{0,2})$/;

/**
 * Parses strict dotted decimal: four numbers 0..255 without leading zeros (RFC 6943 §3.1.1).
 * @returns The address as a number of 32 bits, or null for anything else. Never throws.
 */
export function parseIpv4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let value = 0;
  for (const part of parts) {
    if (!OCTET.test(part) || Number(part) > 255) return null;
    value = value * 256 + Number(part);
  }
  return value;
}

function looseNumber(part: string): number | null {
  if (/^0[xX][0-9a-fA-F]*$/.test(part)) return part.length === 2 ? 0 : Number.parseInt(part, 16);
  if (/^0[0-7]+$/.test(part)) return Number.parseInt(part, 8);
  return /^(?:0|[1-9]\d*)$/.test(part) ? Number(part) : null;
}

/**
 * Parses an address as `inet_aton` and WHATWG URL parsers do: 1 to 4 numbers, decimal, octal (`0177`) or hexadecimal
 * (`0x7f`), the last one filling the remaining bits. A text that a resolver would dial as an address must never pass as a name.
 * @param text  Untrusted.
 * @returns The address as a number of 32 bits, or null when no such program would read an address.
 */
export function parseLooseIpv4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length > 4) return null;
  const last = looseNumber(parts.pop() ?? '');
  if (last === null || last >= 256 ** (4 - parts.length)) return null;
  let value = 0;
  for (const part of parts) {
    const number = looseNumber(part);
    if (number === null || number > 255) return null;
    value = value * 256 + number;
  }
  return value * 256 ** (4 - parts.length) + last;
}

/** Returns true when resolvers read the last label as a number: the whole text is then an address or invalid (WHATWG URL §3.5). */
export function endsInNumber(text: string): boolean {
  const last = text.slice(text.lastIndexOf('.') + 1);
  return /^\d+$/.test(last) || /^0x[0-9a-f]*$/i.test(last);
}

/** Formats a number of 32 bits in dotted decimal. */
export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
}
