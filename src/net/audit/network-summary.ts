import type { Blocked, BlockReason, Leak, LeakPlace, LeakReason } from '../refusal/refusal.ts';
import type { Transport } from '../transport.ts';

/** The traffic and refusals of a sandbox, added up. Plain data; names come from the guest: untrusted text. */
export interface NetworkSummary {
  /** The busiest first. */
  readonly hosts: readonly HostUse[];
  /** The most frequent first. */
  readonly blocked: readonly BlockedUse[];
  /** Requests and connections that were refused, including those without a row. */
  readonly blockedCount: number;
  /** Requests and connections to hosts without a row. */
  readonly omittedHosts: number;
  /** Refusals without a row. */
  readonly omittedBlocked: number;
  /** Entries that would allow what was refused only because no entry named it. */
  readonly toAllow: {
    readonly allowedHosts: readonly string[];
    readonly allowedPrivate: readonly string[];
  };
}

/**
 * The traffic with one host and port. Bytes are those of requests and responses with heads in the form of HTTP/1.1, or of
 * the whole connection where it was not inspected.
 */
export interface HostUse {
  readonly host: string;
  readonly port: number;
  /** `http` and `https` are one row, named after the first. */
  readonly transport: Transport;
  readonly requests: number;
  /** Connections of raw TCP and passthrough. */
  readonly connections: number;
  /** Requests and connections that failed. */
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
