import { domainToASCII } from 'node:url';
import { parseAddressBlock } from './address-block.ts';

/** One entry of a list of hosts: `api.example.com`, `*.example.com:8443`, `db.internal:5432/tcp`, `[::1]:80`. */
export interface HostEntry {
  /** Lower case, in ASCII (IDN encoded), without a trailing dot; an address or block without brackets. */
  readonly host: string;
  /** `any`: `*`. `glob`: a `*` stands for a label, `**` for one or more. `network`: an address or a block. */
  readonly kind: 'any' | 'name' | 'glob' | 'network';
  /** null where the entry names none; `any`: `:*`. */
  readonly port: number | 'any' | null;
  readonly isTcp: boolean;
}

/** What an entry of a list may hold besides a name or an address. All are allowed unless said otherwise. */
export interface HostEntryForm {
  readonly allowsPort?: boolean;
  readonly allowsTcp?: boolean;
  /** `*`, blocks of addresses, and globs other than a leading `*.` */
  readonly allowsWide?: boolean;
  /** `*` alone. */
  readonly allowsAny?: boolean;
}

/** Either what an entry means, or what is wrong with it, without its text. */
export type HostEntryResult =
  | { readonly entry: HostEntry; readonly problem?: never }
  | { readonly problem: string; readonly entry?: never };

const MAX_NAME_LENGTH = 253;
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;
const GLOB_LABEL = /^(?:\*|[a-z0-9_](?!.*\*\*)[a-z0-9_*-]*)$/;
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

/** A bare IPv6 address or block keeps its colons; a port stands behind brackets there. */
function splitPort(text: string): Split {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  const inner = bracketed?.[1] ?? '';
  if (bracketed !== null && inner.includes(':')) return { host: inner, port: bracketed[2] ?? null };
  const at = text.indexOf(':');
  if (at < 0 || parseAddressBlock(text).block !== undefined) return { host: text, port: null };
  return { host: text.slice(0, at), port: text.slice(at + 1) };
}

type HostOf = { readonly host: string; readonly kind: HostEntry['kind'] } | { problem: string };

function readGlob(text: string): HostOf {
  const globs = /^(?:[^.]*\*[^.]*\.)+/.exec(text)?.[0] ?? '';
  const domain = normaliseName(text.slice(globs.length));
  if (domain === null) {
    return { problem: 'a * stands where the domain itself must be: write *.example.com' };
  }
  const labels = globs.toLowerCase().split('.').slice(0, -1);
  const plain = labels[0] === '**' ? labels.slice(1) : labels;
  if (!plain.every((label) => GLOB_LABEL.test(label))) {
    return {
      problem: 'a label like *name covers names of strangers: write *. or **. before a domain',
    };
  }
  return { host: [...labels, domain].join('.'), kind: 'glob' };
}

function readName(text: string): HostOf {
  const name = normaliseName(text);
  if (name === null) {
    const isNumeric = /^[\da-fx.]+$/i.test(text) && /^\d/.test(text);
    const want = 'want an address as four decimal numbers, as in 192.0.2.7';
    return { problem: isNumeric ? want : 'it is no host name and no address' };
  }
  if (name === 'localhost' || name.endsWith('.localhost')) {
    return {
      problem: 'localhost is the guest itself: name a service of this machine with extra_hosts',
    };
  }
  return { host: name, kind: 'name' };
}

function readHostPart(text: string): HostOf {
  if (text === '') return { problem: 'there is no host name in it' };
  // `.*` is how the SDK's documents write every name.
  if (['*', '**', '.*'].includes(text)) return { host: '*', kind: 'any' };
  const { block, problem } = parseAddressBlock(text);
  if (block !== undefined) return { host: block, kind: 'network' };
  if (text.includes('/')) return { problem };
  if (text.startsWith('.')) {
    return {
      problem: 'it starts with a dot: write *. for one label below a domain, **. for any depth',
    };
  }
  return text.includes('*') ? readGlob(text) : readName(text);
}

/** `*`, blocks, and globs other than a leading `*.` */
function isWide({ kind, host }: { kind: HostEntry['kind']; host: string }): boolean {
  if (kind === 'glob') return !/^\*\.[^*]+$/.test(host);
  return kind === 'any' || host.includes('/');
}

/** Why an entry, right in itself, cannot stand in a list of this form; null when it can. */
function misplaced(entry: HostEntry, form: HostEntryForm): string | null {
  const { allowsPort = true, allowsTcp = true, allowsWide = true, allowsAny = true } = form;
  if (!allowsWide && (isWide(entry) || entry.port === 'any')) {
    return 'so wide an entry cannot stand here: want a name, *.name or an address';
  }
  if (!allowsAny && entry.kind === 'any') {
    return 'so wide an entry cannot stand here: want names, addresses and blocks';
  }
  if (!allowsTcp && entry.isTcp) return '/tcp cannot stand here';
  return allowsPort || entry.port === null ? null : 'a port cannot stand here';
}

function readEntry(text: string): HostEntryResult {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return { problem: 'it is a URL, want its host alone' };
  if (text.includes('@')) return { problem: 'it holds a user, want a host alone' };
  const isTcp = /\/tcp$/i.test(text);
  const split = splitPort(isTcp ? text.slice(0, -'/tcp'.length) : text);
  const part = readHostPart(split.host);
  if ('problem' in part) return part;
  if (split.port === null) {
    if (isTcp) return { problem: '/tcp wants a port, as in db.internal:5432/tcp' };
    return { entry: { ...part, port: null, isTcp } };
  }
  const port = split.port === '*' ? 'any' : parsePort(split.port);
  if (port === null) return { problem: 'its port is no number from 1 to 65535' };
  return { entry: { ...part, port, isTcp } };
}

/** Reads one entry of a list of hosts. Pure; the problem never repeats the text. */
export function parseHostEntry(text: string, form: HostEntryForm = {}): HostEntryResult {
  const result = readEntry(text);
  const problem = result.entry === undefined ? null : misplaced(result.entry, form);
  return problem === null ? result : { problem };
}

/** The one way an entry is written. */
export function formatHostEntry({ host, port, isTcp }: HostEntry): string {
  const shown = host.includes(':') && port !== null ? `[${host}]` : host;
  const portText = port === null ? '' : `:${port === 'any' ? '*' : port}`;
  return `${shown}${portText}${isTcp ? '/tcp' : ''}`;
}

/** True when a list with `outer` names a host that `inner` may name too. Ports that differ keep them apart. */
export function overlapsHost(outer: HostEntry, inner: HostEntry): boolean {
  const ports = [outer.port, inner.port].filter((port) => typeof port === 'number');
  if (new Set(ports).size > 1) return false;
  if (outer.kind === 'any' || outer.host === inner.host) return true;
  if (outer.kind !== 'glob') return false;
  const domain = outer.host.replace(/^\*{1,2}\./, '');
  return !domain.includes('*') && inner.host.endsWith(`.${domain}`);
}
