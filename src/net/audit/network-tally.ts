import { formatHostPattern } from '../../address/host-pattern.ts';
import { parseHostPattern } from '../../address/parse-host-pattern.ts';
import { isMetadata } from '../policy/refuse-literal.ts';
import type { AddableList, Blocked, Leak } from '../refusal/refusal.ts';
import { ruleText, suggestionText } from '../refusal/refusal-text.ts';
import type { HeaderList } from '../secret/header-list.ts';
import type { Transport } from '../transport.ts';
import type {
  ConnectionEndEvent,
  ConnectionEvent,
  NetworkEvent,
  ResponseEvent,
} from './network-event.ts';
import type { BlockedUse, HostUse, NetworkSummary } from './network-summary.ts';
import type { RefusalEvent } from './refusal-event.ts';

/** A guest can make up any number of names: rows beyond these are only counted. */
const MAX_HOSTS = 500;
const MAX_BLOCKED = 500;
/** Open connections that are remembered; a VM has at most 1,024 streams. */
const MAX_OPEN = 2048;

type Counted<Row> = { -readonly [Key in keyof Row]: Row[Key] };

/** Returns the entry that a refusal suggests for a list; null for another list, or if the text is not an entry. */
function suggestedEntry(list: AddableList, { refusal }: BlockedUse): string | null {
  const suggest = refusal.kind === 'blocked' ? refusal.suggest : null;
  if (suggest?.kind !== 'add' || suggest.list !== list) return null;
  const { pattern } = parseHostPattern(suggest.entry, { allowsWide: false });
  if (pattern === undefined || pattern.host.kind === 'glob') return null;
  // The policy suggests none of these; what people paste is worth a second check.
  const address = pattern.host.kind === 'network' ? pattern.host.cidr.base : null;
  return address !== null && isMetadata(address) ? null : formatHostPattern(pattern);
}

/** Bytes of `name: value` lines, one per character. */
function fieldBytes(headers: HeaderList): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
}

/** Returns path and query of an absolute URL, unchanged. */
function requestTarget(url: string): string {
  return /^[a-z]+:\/\/[^/?#]*(.*)$/is.exec(url)?.[1] || '/';
}

/** Bytes of a request's head in the form of HTTP/1.1, which can carry data out without a body. */
function requestHeadBytes({ method, url, requestHeaders }: ResponseEvent): number {
  const line = `${method} ${requestTarget(url)} HTTP/1.1\r\n`;
  return line.length + fieldBytes(requestHeaders) + 2;
}

/** Bytes of a response's head in the form of HTTP/1.1; 0 without a response. */
function responseHeadBytes({ statusCode, statusText, responseHeaders }: ResponseEvent) {
  if (statusCode === 0) return 0;
  return `HTTP/1.1 ${statusCode} ${statusText}\r\n`.length + fieldBytes(responseHeaders) + 2;
}

function refusalFrom(event: RefusalEvent): Blocked | Leak {
  if (event.kind === 'blocked') {
    const { reason, decidedBy, suggest } = event;
    return { kind: 'blocked', reason, decidedBy, suggest };
  }
  const { secret, place, reason } = event;
  return { kind: 'leak', secret, place, where: place, reason };
}

/** The flat fields of a row, for readers of JSON. */
function flatFacts(
  refusal: Blocked | Leak,
): Pick<BlockedUse, 'reason' | 'rule' | 'suggestion' | 'leak'> {
  if (refusal.kind === 'leak') {
    const { secret, place, reason } = refusal;
    return { reason: 'secret_leak', rule: secret, suggestion: '', leak: { place, reason } };
  }
  const { reason, suggest } = refusal;
  return { reason, rule: ruleText(refusal), suggestion: suggestionText(suggest), leak: null };
}

/** Adds up the events of one sandbox. Memory is bounded, whatever the guest does. */
export class NetworkTally {
  readonly #hosts = new Map<string, Counted<HostUse>>();
  readonly #blocked = new Map<string, Counted<BlockedUse>>();
  readonly #open = new Map<number, Counted<HostUse>>();
  #blockedCount = 0;
  #omittedHosts = 0;
  #omittedBlocked = 0;

  /** @returns The row of the first refusal of its kind, to be shown during the run; otherwise null. */
  add(event: NetworkEvent): BlockedUse | null {
    switch (event.kind) {
      case 'request':
      case 'response':
        this.#addRequest(event);
        return null;
      case 'connection':
        // Inspected connections are counted by their requests.
        if (event.transport !== 'http' && event.transport !== 'https') this.#addConnection(event);
        return null;
      case 'connection_end':
        this.#endConnection(event);
        return null;
      case 'blocked':
      case 'secret_leak':
        return this.#addBlocked(event);
      case 'dns':
      case 'ssh_command':
      case 'ask':
        return null;
    }
  }

  /** Number of requests and connections that were refused. */
  get blockedCount(): number {
    return this.#blockedCount;
  }

  #use(host: string, port: number, transport: Transport): Counted<HostUse> | undefined {
    const isWeb = transport === 'http' || transport === 'https';
    const key = JSON.stringify([host, port, isWeb ? 'web' : transport]);
    const known = this.#hosts.get(key);
    if (known !== undefined) return known;
    if (this.#hosts.size >= MAX_HOSTS) return undefined;
    const none = { requests: 0, connections: 0, failed: 0, sentBytes: 0, receivedBytes: 0 };
    const use = { host, port, transport, ...none };
    this.#hosts.set(key, use);
    return use;
  }

  #addRequest(event: Extract<NetworkEvent, { kind: 'request' | 'response' }>): void {
    const transport = event.url.startsWith('http:') ? 'http' : 'https';
    const use = this.#use(event.host, event.port, transport);
    if (event.kind === 'request') {
      if (use === undefined) this.#omittedHosts += 1;
      else use.requests += 1;
      return;
    }
    if (use === undefined) return;
    if (event.error !== null) use.failed += 1;
    // No server was dialled: a hook responded, or the host did with an error.
    if (event.address === null) return;
    use.sentBytes += requestHeadBytes(event) + event.requestBytes;
    use.receivedBytes += responseHeadBytes(event) + event.responseBytes;
  }

  #addConnection(event: ConnectionEvent): void {
    const { host, address, port, transport, connectionId } = event;
    const use = this.#use(host ?? address ?? 'an address', port, transport);
    if (use === undefined) {
      this.#omittedHosts += 1;
      return;
    }
    use.connections += 1;
    if (this.#open.size < MAX_OPEN) this.#open.set(connectionId, use);
  }

  #endConnection(event: ConnectionEndEvent): void {
    const use = this.#open.get(event.connectionId);
    if (use === undefined) return;
    this.#open.delete(event.connectionId);
    use.sentBytes += event.sentBytes;
    use.receivedBytes += event.receivedBytes;
    if (event.error !== null) use.failed += 1;
  }

  #addBlocked(event: RefusalEvent): BlockedUse | null {
    this.#blockedCount += 1;
    const { host, port, transport } = event;
    const refusal = refusalFrom(event);
    const key = JSON.stringify([host, port, transport, refusal]);
    const known = this.#blocked.get(key);
    if (known !== undefined) {
      known.count += 1;
      return null;
    }
    if (this.#blocked.size >= MAX_BLOCKED) {
      this.#omittedBlocked += 1;
      return null;
    }
    const use = { host, port, transport, refusal, ...flatFacts(refusal), count: 1 };
    this.#blocked.set(key, use);
    return { ...use };
  }

  /** Returns the totals so far, as plain data. */
  summary(): NetworkSummary {
    const busy = (use: HostUse) => use.requests + use.connections;
    const blocked = [...this.#blocked.values()].map((use) => ({ ...use }));
    const entriesFor = (list: AddableList) => blocked.map((use) => suggestedEntry(list, use));
    const distinct = (entries: readonly (string | null)[]) =>
      [...new Set(entries.filter((entry) => entry !== null))].toSorted();
    return {
      hosts: [...this.#hosts.values()]
        .map((use) => ({ ...use }))
        .toSorted((a, b) => busy(b) - busy(a) || (a.host < b.host ? -1 : 1)),
      blocked: blocked.toSorted((a, b) => b.count - a.count || (a.host < b.host ? -1 : 1)),
      blockedCount: this.#blockedCount,
      omittedHosts: this.#omittedHosts,
      omittedBlocked: this.#omittedBlocked,
      toAllow: {
        allowedHosts: distinct(entriesFor('allowed_hosts')),
        allowedPrivate: distinct(entriesFor('allowed_private')),
      },
    };
  }
}
