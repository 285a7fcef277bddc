import { type Cidr, holdsAddress } from '../address/cidr.ts';
import type { Host } from '../address/host-name.ts';
import { matchesWildcard } from './wildcard.ts';

/** How a connection's bytes travel: inspected as HTTP with or without TLS, or carried unseen. */
export type Transport = 'https' | 'http' | 'tcp';

/** The host part of an entry. `labels` are in writing order; `isDeep` lets one label or more stand before them. */
export type HostPart =
  | { readonly kind: 'any' }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'glob'; readonly labels: readonly string[]; readonly isDeep: boolean }
  | { readonly kind: 'network'; readonly cidr: Cidr };

/** One compiled entry of a host list. */
export interface HostPattern {
  /** As the user wrote it. */
  readonly entry: string;
  readonly host: HostPart;
  /** `web`: 80 and 443. */
  readonly port: number | 'web' | 'any';
  /** True for `/tcp`: raw bytes, and only those. */
  readonly isTcp: boolean;
}

/** Ports a bare name of `allowed_hosts` stands for. */
export const WEB_PORTS: readonly number[] = [80, 443];

function matchesGlob(labels: readonly string[], isDeep: boolean, name: string): boolean {
  const given = name.split('.');
  const extra = given.length - labels.length;
  if (isDeep ? extra < 1 : extra !== 0) return false;
  return labels.every((label, index) => matchesWildcard(label, given[extra + index] ?? ''));
}

/** True when the entry's host part covers the host, whatever the port. Names never match networks, nor the reverse. */
export function coversHost(part: HostPart, host: Host): boolean {
  if (host.kind === 'address')
    return part.kind === 'network' && holdsAddress(part.cidr, host.address);
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

/** True when the entry covers the port. */
export function coversPort(pattern: HostPattern, port: number): boolean {
  if (pattern.port === 'any') return true;
  return pattern.port === 'web' ? WEB_PORTS.includes(port) : pattern.port === port;
}
