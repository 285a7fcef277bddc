import type { Blocked, BlockReason, Leak, LeakPlace, LeakReason } from '../refusal/refusal.ts';
import type { Transport } from '../transport.ts';

/** What a sandbox did on the network, added up. Plain data; names are the guest's: untrusted text. */
export interface NetworkSummary {
  /** The busiest first. */
  readonly hosts: readonly HostUse[];
  /** The most frequent first. */
  readonly blocked: readonly BlockedUse[];
  /** Requests and connections that were refused, with those that have no row. */
  readonly blockedCount: number;
  /** Requests and connections to hosts that have no row. */
  readonly omittedHosts: number;
  /** Refusals that have no row. */
  readonly omittedBlocked: number;
  /** Entries that would let through what was refused for no better reason than that nobody named it. */
  readonly toAllow: {
    readonly allowedHosts: readonly string[];
    readonly allowedPrivate: readonly string[];
  };
}

/**
 * What went to one host and port. Bytes are those of requests and answers, their heads as HTTP/1.1 writes them, or of the
 * whole connection where it was not opened.
 */
export interface HostUse {
  readonly host: string;
  readonly port: number;
  /** `http` and `https` are one row, named after the first. */
  readonly transport: Transport;
  readonly requests: number;
  /** Of raw TCP and passthrough. */
  readonly connections: number;
  /** Requests and connections that broke. */
  readonly failed: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Something that was refused, and how often. */
export interface BlockedUse {
  readonly host: string;
  readonly port: number;
  readonly transport: Transport;
  readonly refusal: Blocked | Leak;
  /** The same for readers of JSON: the reason, or `secret_leak`. */
  readonly reason: BlockReason | 'secret_leak';
  /** The entry that decided, in words; for a leak the name of the secret. */
  readonly rule: string;
  /** The YAML that would let it through; empty where nothing should. */
  readonly suggestion: string;
  /** Null unless it is a leak. */
  readonly leak: { readonly place: LeakPlace; readonly reason: LeakReason } | null;
  readonly count: number;
}

/** `api.test`, `api.test:8443`, `[::1]:22`. */
export function hostText({ host, port, transport }: Pick<HostUse, 'host' | 'port' | 'transport'>) {
  const isUsual = (transport === 'https' && port === 443) || (transport === 'http' && port === 80);
  const name = host.includes(':') ? `[${host}]` : host;
  return isUsual ? host : `${name}:${port}`;
}
