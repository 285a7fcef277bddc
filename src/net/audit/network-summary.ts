import type { BlockReason, LeakPlace, LeakReason, Transport } from './network-event.ts';

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

/** What was refused, and why. */
export interface BlockedUse {
  readonly host: string;
  readonly port: number;
  readonly transport: Transport;
  readonly reason: BlockReason | 'secret_leak';
  /** The entry that decided; of a leak the secret's name. */
  readonly rule: string;
  /** The YAML that would let it through; empty where nothing should. */
  readonly suggestion: string;
  /** Where the placeholder stood and why it was refused; null for what is no leak. */
  readonly leak: { readonly place: LeakPlace; readonly reason: LeakReason } | null;
  readonly count: number;
}

/** Why something was refused, for people. */
export const BLOCK_WORDS: Readonly<Record<BlockedUse['reason'], string>> = {
  mode_none: 'network.mode is none',
  not_allowed: 'not in allowed_hosts',
  denied: 'denied',
  rule: 'refused by a rule',
  private_address: 'private address',
  name_mismatch: 'names disagree',
  hook: 'refused by a hook',
  protocol: 'no valid TLS or HTTP',
  secret_leak: 'placeholder of a secret where it may not go',
};

const PLACE_WORDS: Readonly<Record<LeakPlace, string>> = {
  header: 'in a header',
  path: 'in the path',
  query: 'in the query',
  body: 'in the body',
  trailer: 'in a trailer',
  websocket: 'in a WebSocket message',
  tcp: 'in raw TCP',
  connection: 'in the request',
};

const LEAK_WORDS: Readonly<Record<LeakReason, string>> = {
  host_not_listed: 'to a host that may not have it',
  not_tls: 'over plain HTTP',
  place: 'where its value does not go',
};

/** Why something was refused, in a few words: `not in allowed_hosts`. */
export function blockText({ reason, rule, leak }: Omit<BlockedUse, 'count'>): string {
  if (leak === null) return BLOCK_WORDS[reason];
  return `placeholder of secret ${rule} ${PLACE_WORDS[leak.place]}, ${LEAK_WORDS[leak.reason]}`;
}

/** `api.test`, `api.test:8443`, `[::1]:22`. */
export function hostText({ host, port, transport }: Pick<HostUse, 'host' | 'port' | 'transport'>) {
  const isUsual = (transport === 'https' && port === 443) || (transport === 'http' && port === 80);
  const name = host.includes(':') ? `[${host}]` : host;
  return isUsual ? host : `${name}:${port}`;
}
