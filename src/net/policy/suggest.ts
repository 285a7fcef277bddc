import { formatHost, type Host } from '../../address/host.ts';
import type { Suggestion } from '../refusal/refusal.ts';
import type { JudgedTransport } from '../transport.ts';
import { WEB_PORTS } from './listed-pattern.ts';

const MAX_PATH_SHOWN = 200;
const PLAIN_PATH = /^\/[\x21-\x7e]*$/;

/** Host and port as an entry of `allowed_hosts` spells them. `port` 0 and the web ports are left out. */
export function hostEntry(host: Host, port: number, transport: JudgedTransport): string {
  const text = formatHost(host);
  const name = text.includes(':') ? `[${text}]` : text;
  if (transport === 'tcp' && port > 0) return `${name}:${port}/tcp`;
  return port === 0 || WEB_PORTS.includes(port) ? text : `${name}:${port}`;
}

/** Suggests the entry that lets a connection through. */
export function suggestAllowed(host: Host, port: number, transport: JudgedTransport): Suggestion {
  return { kind: 'add', list: 'allowed_hosts', entry: hostEntry(host, port, transport) };
}

/** Suggests the entry that opens one private address or name. */
export function suggestPrivate(entry: string): Suggestion {
  return { kind: 'add', list: 'allowed_private', entry };
}

/**
 * Suggests a rule that lets one request through, to be put before the rule that refused it.
 * @param method  Untrusted: left out unless it is a plain token.
 * @param path    Untrusted: the query is cut; anything unusual becomes `/**`.
 */
export function suggestRule(host: Host, port: number, method: string, path: string): Suggestion {
  const plain = path.split(/[?#]/, 1)[0] ?? '';
  const isShowable =
    PLAIN_PATH.test(plain) && plain.length <= MAX_PATH_SHOWN && !/[*?%\\]/.test(plain);
  return {
    kind: 'rule',
    host: hostEntry(host, port, 'https'),
    method: /^[A-Z]{1,20}$/.test(method) ? method : null,
    path: isShowable ? plain : '/**',
  };
}
