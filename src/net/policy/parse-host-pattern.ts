import { formatCidr } from '../address/cidr.ts';
import type { HostPattern } from './host-pattern.ts';
import { patternError } from './pattern-error.ts';
import { type PatternList, readHostPart } from './read-host-part.ts';

const MAX_ENTRY_LENGTH = 300;

/** Text of a port, a `*`, or nothing. */
function readPort(text: string | undefined, entry: string, list: PatternList): HostPattern['port'] {
  if (text === undefined) return list.defaultPort;
  if (text === '*') return 'any';
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw patternError(
    list.field,
    entry,
    'its port is not a number from 1 to 65535',
    'Write host:443, or host:* for every port.',
  );
}

/** Splits `host`, `host:port`, `[v6]:port`; a bare IPv6 address or block keeps its colons. */
function splitPort(text: string): { host: string; port: string | undefined } {
  const bracket = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
  if (bracket) return { host: bracket[1] ?? '', port: bracket[2] };
  const colon = text.indexOf(':');
  if (colon === -1 || colon !== text.lastIndexOf(':')) return { host: text, port: undefined };
  return { host: text.slice(0, colon), port: text.slice(colon + 1) };
}

/**
 * Reads one entry: `name`, `*.name`, `**.name`, `*`, an address or CIDR, each with `:port` or `:*`, and `/tcp` behind a
 * port. docs/network.md has the language.
 * @throws {GondolinError} NET_PATTERN_INVALID naming the list, the entry and what to write instead.
 */
export function parseHostPattern(entry: string, list: PatternList): HostPattern {
  if (entry.length === 0 || entry.length > MAX_ENTRY_LENGTH || /[\p{Cc}\s]/u.test(entry)) {
    throw patternError(
      list.field,
      entry,
      'it is empty, too long, or holds white space',
      'Write one host per entry.',
    );
  }
  const url = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/@]*@)?([^/?#]*)/i.exec(entry);
  if (url)
    throw patternError(list.field, entry, 'it is a URL', `Write ${url[1] || 'the host'} alone.`);
  const suffix = /\/([a-z]+)$/i.exec(entry)?.[1]?.toLowerCase();
  if (suffix === 'udp') {
    throw patternError(
      list.field,
      entry,
      'UDP is not carried',
      'Leave it out: only DNS and TCP leave the guest.',
    );
  }
  const isTcp = suffix === 'tcp';
  const { host, port: portText } = splitPort(isTcp ? entry.slice(0, -'/tcp'.length) : entry);
  const port = readPort(portText, entry, list);
  const part = readHostPart(host, entry, list);
  if (isTcp && portText === undefined) {
    throw patternError(
      list.field,
      entry,
      '/tcp needs a port',
      `Write ${part.kind === 'network' ? formatCidr(part.cidr) : host}:5432/tcp with the port of the service.`,
    );
  }
  return { entry, host: part, port, isTcp };
}
