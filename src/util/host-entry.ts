import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/** One entry of a list of hosts: `api.example.com`, `*.example.com:8443`, `db.internal:5432/tcp`, `[::1]:80`. */
export interface HostEntry {
  /** Lower case, in ASCII (IDN encoded), without a trailing dot; an address without brackets. */
  readonly host: string;
  /** `wildcard`: every name below `host`, not `host` itself. */
  readonly kind: 'name' | 'wildcard' | 'address';
  /** null is any port the entry's transport has. */
  readonly port: number | null;
  readonly isTcp: boolean;
}

/** What an entry may hold besides a name. */
export interface HostEntryForm {
  readonly allowsPort?: boolean;
  readonly allowsTcp?: boolean;
}

/** Either what an entry means, or what is wrong with it (`…, want …`, without its text). */
export type HostEntryResult =
  | { readonly entry: HostEntry; readonly problem?: never }
  | { readonly problem: string; readonly entry?: never };

const MAX_NAME_LENGTH = 253;
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;
/** What inet_aton takes for an address and people for a name: `127.1`, `0x7f.1`, `2130706433`. */
const NUMBER_LABEL = /^(?:\d+|0x[0-9a-f]*)$/;

/** A DNS name in lower case ASCII without its trailing dot, or null when it is none. */
export function normaliseName(text: string): string | null {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text;
  // Wildcards, paths and blanks must not be lost in the conversion.
  if (bare === '' || bare.length > MAX_NAME_LENGTH || /[\s/?#@:*%[\]\\]/.test(bare)) return null;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what is plain ASCII needs no conversion, and keeps its `_`
  const ascii = /^[\x00-\x7f]*$/.test(bare) ? bare.toLowerCase() : domainToASCII(bare);
  const labels = ascii.split('.');
  if (ascii.length > MAX_NAME_LENGTH || !labels.every((label) => LABEL.test(label))) return null;
  return NUMBER_LABEL.test(labels.at(-1) ?? '') ? null : ascii;
}

/** 1..65535 of its digits, else null. */
export function parsePort(text: string): number | null {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : null;
}

interface Split {
  readonly host: string;
  readonly port: string | null;
}

function splitPort(text: string): Split {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null && isIP(bracketed[1] ?? '') === 6) {
    return { host: bracketed[1] ?? '', port: bracketed[2] ?? null };
  }
  if (isIP(text) === 6) return { host: text, port: null };
  const at = text.indexOf(':');
  return at < 0
    ? { host: text, port: null }
    : { host: text.slice(0, at), port: text.slice(at + 1) };
}

function hostProblem(host: string): string {
  if (host === '*') return '"*" is every host: that is mode: open';
  if (host === '') return 'there is no host name in it';
  if (host.startsWith('.')) return 'it starts with a dot: write "*." for every name below a domain';
  if (host.includes('*')) return '"*" stands only as the whole first part, as in *.example.com';
  if (/^[\da-fx.]+$/i.test(host) && /^\d/.test(host)) {
    return 'an address wants four decimal numbers, as in 192.0.2.7';
  }
  return 'it is no host name and no address';
}

function hostOf(text: string): Pick<HostEntry, 'host' | 'kind'> | null {
  if (isIP(text) !== 0)
    return text.includes('%') ? null : { host: text.toLowerCase(), kind: 'address' };
  const isWildcard = text.startsWith('*.');
  const host = normaliseName(isWildcard ? text.slice(2) : text);
  return host === null ? null : { host, kind: isWildcard ? 'wildcard' : 'name' };
}

/** Reads one entry of a list of hosts. Pure; the problem never repeats the text. */
export function parseHostEntry(text: string, form: HostEntryForm = {}): HostEntryResult {
  const { allowsPort = true, allowsTcp = true } = form;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return { problem: 'it is a URL, want its host alone' };
  const isTcp = text.endsWith('/tcp');
  const rest = isTcp ? text.slice(0, -'/tcp'.length) : text;
  if (rest.includes('/'))
    return { problem: 'it holds a path, want a host alone (paths: in rules)' };
  if (rest.includes('@')) return { problem: 'it holds a user, want a host alone' };
  if (isTcp && !allowsTcp) return { problem: '/tcp cannot stand here' };
  const { host: hostText, port: portText } = splitPort(rest);
  const host = hostOf(hostText);
  if (host === null) return { problem: hostProblem(hostText) };
  if (portText === null) return { entry: { ...host, port: null, isTcp } };
  if (!allowsPort) return { problem: 'a port cannot stand here' };
  const port = parsePort(portText);
  if (port === null) return { problem: 'its port is no number from 1 to 65535' };
  return { entry: { ...host, port, isTcp } };
}

/** The one way an entry is written. */
export function formatHostEntry({ host, kind, port, isTcp }: HostEntry): string {
  const name = kind === 'wildcard' ? `*.${host}` : host;
  const shown = isIP(host) === 6 && (port !== null || isTcp) ? `[${name}]` : name;
  return `${shown}${port === null ? '' : `:${port}`}${isTcp ? '/tcp' : ''}`;
}

/** True when everything that `inner` lets through `outer` does too. */
export function coversHost(outer: HostEntry, inner: HostEntry): boolean {
  if (outer.isTcp !== inner.isTcp) return false;
  if (outer.port !== null && outer.port !== inner.port) return false;
  if (outer.kind !== 'wildcard') return outer.kind === inner.kind && outer.host === inner.host;
  const isBelow = inner.host.endsWith(`.${outer.host}`);
  return isBelow || (inner.kind === 'wildcard' && inner.host === outer.host);
}
