import { parseAddress } from '../../address/ip-address.ts';

/** Returns true for names of the guest itself, which the policy does not judge (RFC 6761 §6.3). */
export function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}

/**
 * Names that must never exist here: reserved by RFC 6761 and 7686, NAT64 discovery (RFC 7050) and resolver discovery
 * (RFC 9462), which made-up addresses would mislead, and the canary that turns a browser's own DNS over HTTPS off.
 */
const NEVER: readonly string[] = [
  'invalid',
  'onion',
  'ipv4only.arpa',
  'resolver.arpa',
  'use-application-dns.net',
];

/** Returns true for a name of that list or below one. */
export function isNeverThere(name: string): boolean {
  return NEVER.some((reserved) => name === reserved || name.endsWith(`.${reserved}`));
}

/**
 * Returns the address in a name of `in-addr.arpa` or `ip6.arpa` (RFC 1035 §3.5, RFC 3596 §2.5), or null.
 * @param name  Canonical name.
 */
export function reverseAddress(name: string): string | null {
  const v4 = /^((?:\d{1,3}\.){4})in-addr\.arpa$/.exec(name)?.[1];
  if (v4 !== undefined) {
    const text = v4.slice(0, -1).split('.').reverse().join('.');
    return parseAddress(text) === null ? null : text;
  }
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  if (v6 === undefined) return null;
  const digits = v6.replaceAll('.', '').split('').reverse().join('');
  return (digits.match(/.{4}/g) ?? []).join(':');
}

/** Returns true for names in the reverse zones. */
export function isReverse(name: string): boolean {
  return /(?:^|\.)(?:in-addr|ip6)\.arpa$/.test(name);
}
