import { formatAddress, type IpAddress, parseAddress, unwrapMapped } from './ip-address.ts';
import { parsePort } from './port.ts';

/** A port of this machine and the port of the guest that its connections go to. */
export interface PortMapping {
  /** Canonical IP address of this machine. */
  readonly host: string;
  /** 0 for a free port. */
  readonly port: number;
  readonly guestPort: number;
}

/** Either what a text means (one mapping, or one for each port of a range), or what is wrong with it. */
export type PortMappingResult =
  | { readonly mappings: readonly PortMapping[]; readonly problem?: never; readonly fix?: never }
  | { readonly problem: string; readonly fix: string; readonly mappings?: never };

type Problem = Extract<PortMappingResult, { problem: string }>;

/** Where ports listen unless the text says otherwise. */
export const LOOPBACK = '127.0.0.1';
/** Most ports of one sandbox. */
export const MAX_PORT_MAPPINGS = 128;
const MAX_TEXT_LENGTH = 100;
const PORTS_FIX = 'Write a port from 1 to 65535, or a range such as 3000-3005.';

interface PortRange {
  readonly first: number;
  readonly last: number;
}

function isProblem<T extends object>(value: T | Problem): value is Problem {
  return 'problem' in value;
}

function parseRange(text: string, whose: string): PortRange | Problem {
  const [firstText = '', lastText = firstText, ...rest] = text.split('-');
  const [first, last] = [parsePort(firstText), parsePort(lastText)];
  if (first === null || last === null || rest.length > 0) {
    return { problem: `${whose} is not a port or a range of ports`, fix: PORTS_FIX };
  }
  if (last < first) {
    return { problem: `${whose} ends before it starts`, fix: `Write ${last}-${first}.` };
  }
  if (last - first >= MAX_PORT_MAPPINGS) {
    return {
      problem: `${whose} has more than ${MAX_PORT_MAPPINGS} ports`,
      fix: 'Write a shorter range.',
    };
  }
  return { first, last };
}

/** Parses the address that a port listens on: an IP address, an IPv6 one with or without brackets. Null for anything else. */
export function parseListenAddress(text: string): string | null {
  const address = parseAddress(/^\[(.*)\]$/.exec(text)?.[1] ?? text);
  return address === null ? null : formatAddress(unwrapMapped(address));
}

/** Splits `[v6]:rest` and `host:rest`; a text without an address has the host null. */
function splitHost(text: string): { readonly host: string | null; readonly rest: string } {
  const bracketed = /^(\[[^\]]*\])(?::(.*))?$/s.exec(text);
  if (bracketed) return { host: bracketed[1] ?? '', rest: bracketed[2] ?? '' };
  const colon = text.indexOf(':');
  const first = colon === -1 ? text : text.slice(0, colon);
  // `8080:80` starts with a port; `:80` with an empty one.
  if (colon === -1 || /^[\d-]*$/.test(first)) return { host: null, rest: text };
  return { host: first, rest: text.slice(colon + 1) };
}

const BRACKETS: Problem = {
  problem: 'an IPv6 address needs brackets',
  fix: 'Write "[::1]:3000:3000", in quotes: YAML reads [ as a list.',
};

function partsProblem(text: string): Problem {
  if (text.includes('::')) return BRACKETS;
  return {
    problem: 'it has too many parts',
    fix: `Write ${LOOPBACK}:8080:80: an address, a port of the host, a port of the guest.`,
  };
}

function addressProblem(host: string, text: string): Problem {
  if (parseAddress(text) !== null || text.split(':').length > 4) return BRACKETS;
  const isLocal = host.toLowerCase() === 'localhost';
  return {
    problem: isLocal
      ? 'localhost is a name, and a port listens on an address'
      : 'the part before the first : is neither a port nor an IP address',
    fix: isLocal ? `Write ${LOOPBACK} or [::1].` : `Write ${LOOPBACK}:8080:80, or 8080:80.`,
  };
}

/** Returns a text without its protocol, or why it is refused. */
function withoutProtocol(text: string): { readonly plain: string } | Problem {
  const slash = text.indexOf('/');
  if (slash === -1) return { plain: text };
  const protocol = text.slice(slash + 1).toLowerCase();
  if (protocol === 'tcp') return { plain: text.slice(0, slash) };
  if (protocol === 'udp') {
    return {
      problem: 'UDP is not supported',
      fix: 'Use a TCP port: only TCP connections can reach the guest.',
    };
  }
  return { problem: 'the protocol after / is not tcp', fix: 'Leave it out, or write /tcp.' };
}

/** The port of this machine, or a range of them: empty or `0` is a free one for each port of the guest. */
function hostPorts(text: string): PortRange | 'free' | Problem {
  return text === '' || text === '0' ? 'free' : parseRange(text, 'the port of the host');
}

/** Pairs ports of this machine with ports of the guest, one with one. */
export function pairPorts(host: string, hostText: string, guestText: string): PortMappingResult {
  const guest = parseRange(guestText, 'the port of the guest');
  if (isProblem(guest)) return guest;
  const published = hostPorts(hostText);
  if (published !== 'free' && isProblem(published)) return published;
  const count = guest.last - guest.first + 1;
  if (published !== 'free' && published.last - published.first + 1 !== count) {
    return {
      problem: 'the two ranges have different lengths',
      fix: 'Write as many ports of the host as of the guest: 8000-8005:3000-3005.',
    };
  }
  const mappings = Array.from({ length: count }, (_, index) => ({
    host,
    port: published === 'free' ? 0 : published.first + index,
    guestPort: guest.first + index,
  }));
  return { mappings };
}

/**
 * Parses an entry of `ports:` or the value of `--listen`: `3000`, `8080:80`, `:80` and `0:80` (a free port), `3000-3005`,
 * `8000-8005:3000-3005`, each with an IP address and `:` before it (`127.0.0.1:8080:80`, `[::1]:3000`) and `/tcp` after it.
 * The address is 127.0.0.1 by default, and the port of this machine that of the guest. Pure, never throws; a problem does not
 * repeat the text.
 */
export function parsePortMapping(text: string): PortMappingResult {
  if (text.length === 0 || text.length > MAX_TEXT_LENGTH || /[\p{Cc}\s]/u.test(text)) {
    return { problem: 'it is empty, too long, or has white space', fix: 'Write 3000 or 8080:80.' };
  }
  const protocol = withoutProtocol(text);
  if (isProblem(protocol)) return protocol;
  const { host: hostText, rest } = splitHost(protocol.plain);
  const host = hostText === null ? LOOPBACK : parseListenAddress(hostText);
  if (host === null) return addressProblem(hostText ?? '', protocol.plain);
  const parts = rest.split(':');
  if (parts.length > 2) return partsProblem(rest);
  const [first = '', guest = first] = parts;
  return pairPorts(host, first, guest);
}

/** Returns true for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const address: IpAddress | null = parseAddress(host);
  if (address === null) return false;
  return address.family === 4 ? address.value >> 24n === 127n : address.value === 1n;
}
