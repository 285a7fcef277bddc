import { isSingleAddress } from './cidr.ts';
import { formatHostPart, type HostPattern } from './host-pattern.ts';
import { type HostPatternProblem, parseHostPart } from './parse-host-part.ts';
import { parsePort } from './port.ts';

/** Restricts which patterns a list accepts. Everything is accepted unless said otherwise. */
export interface HostPatternForm {
  /** @default true */
  readonly allowsTcp?: boolean;
  /** `*`, `:*`, blocks of addresses, and wildcards other than a leading `*.`. @default true */
  readonly allowsWide?: boolean;
  /** `*` as the host. @default true */
  readonly allowsAny?: boolean;
}

/** Either the pattern, or what is wrong with the text. */
export type HostPatternResult =
  | { readonly pattern: HostPattern; readonly problem?: never; readonly fix?: never }
  | (HostPatternProblem & { readonly pattern?: never });

const MAX_PATTERN_CHARS = 300;
const MAX_SHOWN_CHARS = 120;

/** Splits `host`, `host:port`, `[v6]:port`; a bare IPv6 address or block keeps its colons. */
function splitPort(text: string): { readonly host: string; readonly port: string | null } {
  const bracketed = /^\[([^\]]*:[^\]]*)\](?::(.*))?$/s.exec(text);
  if (bracketed) return { host: bracketed[1] ?? '', port: bracketed[2] ?? null };
  const colon = text.indexOf(':');
  if (colon === -1 || colon !== text.lastIndexOf(':')) return { host: text, port: null };
  return { host: text.slice(0, colon), port: text.slice(colon + 1) };
}

/** Returns the host and port of a URL without its scheme; empty if a `@` in its path makes it unclear where a password ends. */
function urlHost(text: string): string {
  const authority = text.split(/[/?#]/, 1)[0] ?? '';
  const isClear = !text.slice(authority.length).includes('@');
  return isClear ? authority.slice(authority.lastIndexOf('@') + 1) : '';
}

/** Refuses what is not a host at all, before the text is taken apart. */
function shapeProblem(text: string): HostPatternProblem | null {
  if (text.length === 0 || text.length > MAX_PATTERN_CHARS || /[\p{Cc}\s]/u.test(text)) {
    return {
      problem: 'it is empty, too long, or has white space',
      fix: 'Write one host per entry.',
    };
  }
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0];
  if (scheme !== undefined) {
    const host = urlHost(text.slice(scheme.length));
    return { problem: 'it is a URL', fix: `Write ${host || 'the host'} alone.` };
  }
  if (text.includes('@')) {
    return {
      problem: 'it has a user name',
      fix: 'Write a name such as api.example.com alone, without what precedes the @.',
    };
  }
  if (/\/udp$/i.test(text)) {
    return {
      problem: 'UDP is not supported',
      fix: 'Leave it out: only DNS and TCP leave the guest.',
    };
  }
  return null;
}

function parseUnrestricted(text: string): HostPatternResult {
  const shape = shapeProblem(text);
  if (shape !== null) return shape;
  const isTcp = /\/tcp$/i.test(text);
  const { host: hostText, port: portText } = splitPort(
    isTcp ? text.slice(0, -'/tcp'.length) : text,
  );
  const port = portText === null || portText === '*' ? null : parsePort(portText);
  if (portText !== null && portText !== '*' && port === null) {
    return {
      problem: 'its port is not a number from 1 to 65535',
      fix: 'Write host:443, or host:* for every port.',
    };
  }
  const part = parseHostPart(hostText);
  if (part.host === undefined) return part;
  const { host } = part;
  if (isTcp && portText === null) {
    const shown = formatHostPart(host);
    const bracketed = shown.includes(':') ? `[${shown}]` : shown;
    return {
      problem: '/tcp needs a port',
      fix: `Write ${bracketed}:5432/tcp with the port of the service.`,
    };
  }
  return { pattern: { host, port: portText === '*' ? 'any' : port, isTcp } };
}

/** Returns true for `*`, `:*`, blocks, and wildcards other than a leading `*.`. */
function isWide({ host, port }: HostPattern): boolean {
  if (port === 'any' || host.kind === 'any') return true;
  if (host.kind === 'network') return !isSingleAddress(host.cidr);
  return host.kind === 'glob' && !/^\*\.[^*]+$/.test(formatHostPart(host));
}

/** Returns why a pattern, correct in itself, is not accepted in a list of this form; null when it is. */
function formProblem(pattern: HostPattern, form: HostPatternForm): HostPatternProblem | null {
  const { allowsTcp = true, allowsWide = true, allowsAny = true } = form;
  if (!allowsWide && isWide(pattern)) {
    return {
      problem: 'an entry this wide is not accepted here',
      fix: 'Write a name, *.name or an address, each with a port or none.',
    };
  }
  if (!allowsAny && pattern.host.kind === 'any') {
    return {
      problem: 'an entry this wide is not accepted here',
      fix: 'Write names, addresses or blocks.',
    };
  }
  if (!allowsTcp && pattern.isTcp) {
    return { problem: '/tcp is not accepted here', fix: 'Leave /tcp out.' };
  }
  return null;
}

/**
 * Parses one entry of a host list: `name`, `*.name`, `**.name`, `*`, an address or block, each with `:port` or `:*`, and `/tcp`
 * after a port. docs/network.md describes the language. Never throws.
 */
export function parseHostPattern(text: string, form: HostPatternForm = {}): HostPatternResult {
  const result = parseUnrestricted(text);
  const refusal = result.pattern === undefined ? null : formProblem(result.pattern, form);
  return refusal ?? result;
}

/**
 * Returns a refused pattern as a message may show it: cut, and without what precedes an `@`, which is a password or a
 * secret's value that was put in the wrong list.
 */
export function redactPattern(text: string): string {
  const plain = text.replace(/^.*@/s, '…@');
  return plain.length > MAX_SHOWN_CHARS ? `${plain.slice(0, MAX_SHOWN_CHARS)}…` : plain;
}
