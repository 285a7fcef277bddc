import { formatHost, type Host } from '../../address/host.ts';
import { type Transport, WEB_PORTS } from './listed-pattern.ts';

const MAX_PATH_SHOWN = 200;
const PLAIN_PATH = /^\/[\x21-\x7e]*$/;

/** Host and port as an entry of `allowed_hosts` spells them. `port` 0 or a web port stays away. */
function entryFor(host: Host, port: number, transport: Transport): string {
  const text = formatHost(host);
  const name = text.includes(':') ? `[${text}]` : text;
  if (transport === 'tcp' && port > 0) return `${name}:${port}/tcp`;
  return port === 0 || WEB_PORTS.includes(port) ? text : `${name}:${port}`;
}

/** The YAML line that lets a connection through. */
export function suggestAllowed(host: Host, port: number, transport: Transport): string {
  return `allowed_hosts: [${JSON.stringify(entryFor(host, port, transport))}]`;
}

/** The YAML line that opens one private address or name. */
export function suggestPrivate(text: string): string {
  return `allowed_private: [${JSON.stringify(text)}]`;
}

/** The move that undoes a denial. */
export function suggestRemoval(field: string, entry: string): string {
  return `remove ${JSON.stringify(entry)} from ${field}`;
}

/**
 * The YAML line of a rule that lets one request through, to stand before the rule that refused it.
 * @param method  Untrusted: left out unless it is a plain token.
 * @param path    Untrusted: the query is cut; anything unusual becomes `/**`.
 */
export function suggestRule(host: Host, port: number, method: string, path: string): string {
  const plain = path.split(/[?#]/, 1)[0] ?? '';
  const isShowable =
    PLAIN_PATH.test(plain) && plain.length <= MAX_PATH_SHOWN && !/[*?%\\]/.test(plain);
  const methods = /^[A-Z]{1,20}$/.test(method) ? ` methods: [${method}],` : '';
  const hostText = JSON.stringify(entryFor(host, port, 'https'));
  const shown = JSON.stringify(isShowable ? plain : '/**');
  return `rules: [{ host: ${hostText},${methods} paths: [${shown}], action: allow }]`;
}
