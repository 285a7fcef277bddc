import { matchesWildcard } from '../util/wildcard.ts';
import { type Cidr, containsAddress, formatCidr } from './cidr.ts';
import type { Host } from './host.ts';

/** The host part of a pattern. `labels` are in writing order; `isDeep` lets one label or more precede them. */
export type HostPart =
  | { readonly kind: 'any' }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'glob'; readonly labels: readonly string[]; readonly isDeep: boolean }
  | { readonly kind: 'network'; readonly cidr: Cidr };

/** One parsed entry of a host list, such as `api.example.com`, `*.example.com:8443`, `db.internal:5432/tcp`, `[::1]:80`. */
export interface HostPattern {
  readonly host: HostPart;
  /** `any` for `:*`; null without a port: the list then says which ports the entry covers. */
  readonly port: number | 'any' | null;
  /** True for `/tcp`: raw bytes, and only those. */
  readonly isTcp: boolean;
}

function matchesGlob(labels: readonly string[], isDeep: boolean, name: string): boolean {
  const given = name.split('.');
  const extra = given.length - labels.length;
  if (isDeep ? extra < 1 : extra !== 0) return false;
  return labels.every((label, index) => matchesWildcard(label, given[extra + index] ?? ''));
}

/** Returns true when the host part covers the host, whatever the port. Names never match networks, nor the reverse. */
export function coversHost(part: HostPart, host: Host): boolean {
  if (host.kind === 'address') {
    return part.kind === 'network' && containsAddress(part.cidr, host.address);
  }
  switch (part.kind) {
    case 'any':
      return true;
    case 'name':
      return part.name === host.name;
    case 'glob':
      return matchesGlob(part.labels, part.isDeep, host.name);
    case 'network':
      return false;
  }
}

/** Returns the canonical text of a host part: an IPv6 address or block without brackets. */
export function formatHostPart(part: HostPart): string {
  switch (part.kind) {
    case 'any':
      return '*';
    case 'name':
      return part.name;
    case 'glob':
      return [...(part.isDeep ? ['**'] : []), ...part.labels].join('.');
    case 'network':
      return formatCidr(part.cidr);
  }
}

/** Returns the canonical text of a pattern: parsing it gives the same pattern. */
export function formatHostPattern({ host, port, isTcp }: HostPattern): string {
  const text = formatHostPart(host);
  const bracketed = text.includes(':') && port !== null ? `[${text}]` : text;
  const portText = port === null ? '' : `:${port === 'any' ? '*' : port}`;
  return `${bracketed}${portText}${isTcp ? '/tcp' : ''}`;
}

function coversGlob(
  { labels, isDeep }: HostPart & { kind: 'glob' },
  inner: HostPart & { kind: 'glob' },
): boolean {
  // A star of `inner` is matched by a star only. A deep one has one label more at least.
  const words = inner.isDeep ? ['*', ...inner.labels] : inner.labels;
  return (isDeep || !inner.isDeep) && matchesGlob(labels, isDeep, words.join('.'));
}

function coversPart(outer: HostPart, inner: HostPart): boolean {
  if (outer.kind === 'any') return true;
  if (outer.kind === 'network') {
    if (inner.kind !== 'network') return false;
    const { base, prefix } = inner.cidr;
    return prefix >= outer.cidr.prefix && containsAddress(outer.cidr, base);
  }
  if (inner.kind === 'name') return coversHost(outer, inner);
  return outer.kind === 'glob' && inner.kind === 'glob' && coversGlob(outer, inner);
}

/** A pattern of a list in which `*.example.com` counts for every depth. */
function deepened(part: HostPart): HostPart {
  if (part.kind !== 'glob' || part.isDeep || part.labels[0] !== '*') return part;
  return { kind: 'glob', labels: part.labels.slice(1), isDeep: true };
}

/**
 * Returns true when `outer` covers every host of `inner`. A leading `*.` of `outer` counts for every depth. Two different port numbers
 * never cover each other; without a port an entry covers every port.
 */
export function coversPattern(outer: HostPattern, inner: HostPattern): boolean {
  const ports = [outer.port, inner.port].filter((port) => typeof port === 'number');
  return new Set(ports).size < 2 && coversPart(deepened(outer.host), inner.host);
}
