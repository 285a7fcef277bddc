import { ErrBlocked, ErrHostNotAllowed, ErrSecretLeak } from '../../errors/error-kinds.ts';
import type { NetworkEvent } from '../../net/audit/network-event.ts';
import type { Transport } from '../../net/transport.ts';
import type { NetworkActivity } from './vm-event.ts';

/** Schemes of connections that are not read as HTTP; those that are have an event for each request. */
const SCHEMES: Readonly<Partial<Record<Transport, string>>> = {
  tcp: 'tcp',
  passthrough: 'tls',
  ssh: 'ssh',
};

/** Reasons that mean the host itself. */
const HOST_REASONS: ReadonlySet<string> = new Set(['mode_none', 'not_allowed', 'denied']);

const NOTHING = { status_code: 0, request_bytes: 0, response_bytes: 0, duration_ms: 0 };

function blockReason(event: NetworkEvent & { kind: 'blocked' | 'secret_leak' }): string {
  if (event.kind === 'secret_leak') return ErrSecretLeak.message;
  return (HOST_REASONS.has(event.reason) ? ErrHostNotAllowed : ErrBlocked).message;
}

/** Returns the Go API's form of an event; null for one that it does not have (DNS, starts of requests and connections). */
export function toNetworkActivity(event: NetworkEvent): NetworkActivity | null {
  switch (event.kind) {
    case 'response':
      return {
        method: event.method,
        url: event.url,
        host: event.host,
        status_code: event.statusCode,
        request_bytes: event.requestBytes,
        response_bytes: event.responseBytes,
        duration_ms: Math.round(event.durationMs),
        blocked: false,
      };
    case 'blocked':
    case 'secret_leak':
      return {
        ...NOTHING,
        method: event.method ?? '',
        url: event.url ?? '',
        host: event.host,
        status_code: event.statusCode ?? 0,
        blocked: true,
        block_reason: blockReason(event),
      };
    case 'connection_end': {
      const scheme = SCHEMES[event.transport];
      if (scheme === undefined) return null;
      const host = event.host ?? '';
      return {
        ...NOTHING,
        method: '',
        url: `${scheme}://${host}:${event.port}`,
        host,
        request_bytes: event.sentBytes,
        response_bytes: event.receivedBytes,
        duration_ms: Math.round(event.durationMs),
        blocked: false,
      };
    }
    case 'ask':
    case 'connection':
    case 'dns':
    case 'request':
    case 'ssh_command':
      return null;
  }
}

/** Returns an event as one line of a log: `GET https://api.github.com/user 200`. */
export function networkLine({
  method,
  url,
  host,
  status_code,
  block_reason,
}: NetworkActivity): string {
  const what = [method, url === '' ? host : url].filter((part) => part !== '').join(' ');
  if (block_reason !== undefined) return `${what} blocked: ${block_reason}`;
  return status_code === 0 ? what : `${what} ${status_code}`;
}
