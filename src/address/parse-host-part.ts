import { parseCidr, unwrapMappedCidr } from './cidr.ts';
import { formatHost, parseHost } from './host.ts';
import type { HostPart } from './host-pattern.ts';
import { parseAddress } from './ip-address.ts';

/** The reason why a text is not a host pattern. */
export interface HostPatternProblem {
  /** The mistake, as a clause. Never repeats the text, which may be a secret in the wrong place. */
  readonly problem: string;
  /** The correction, as a sentence. May repeat the part of the text after its last `@`. */
  readonly fix: string;
}

/** Either the host part of a pattern, or what is wrong with it. */
export type HostPartResult =
  | { readonly host: HostPart; readonly problem?: never }
  | (HostPatternProblem & { readonly host?: never });

/** A label of a wildcard: `*`, or a plain start and then `*` anywhere. `*name` would also cover names that others own. */
const GLOB_LABEL = /^(?:\*|[a-z0-9_](?!.*\*\*)[a-z0-9_*-]*)$/;

function parseGlob(text: string): HostPartResult {
  const isDeep = text.startsWith('**.');
  const rest = isDeep ? text.slice('**.'.length) : text;
  const globs = /^(?:[^.]*\*[^.]*\.)*/.exec(rest)?.[0] ?? '';
  const domain = parseHost(rest.slice(globs.length));
  if (domain?.kind !== 'name') {
    return {
      problem: 'a * takes the place of the domain itself, as it does not in *.example.com',
      fix: 'Write *.example.com for one label, **.example.com for any depth, or * for every name.',
    };
  }
  const labels = globs.toLowerCase().split('.').slice(0, -1);
  if (!labels.every((label) => GLOB_LABEL.test(label))) {
    return {
      problem: 'a label such as *name would also match names that others own',
      fix: `Write *.${domain.name} for one label, **.${domain.name} for any depth.`,
    };
  }
  return { host: { kind: 'glob', labels: [...labels, ...domain.name.split('.')], isDeep } };
}

/** Explains a text that has a `/` and is not a block of addresses. */
function blockProblem(text: string): HostPatternProblem {
  const address = parseAddress(text.slice(0, text.indexOf('/')));
  if (address === null) {
    return {
      problem: 'it has a path',
      fix: 'Write the host alone; paths belong in network.rules.',
    };
  }
  const prefix = text.slice(text.indexOf('/') + 1);
  const width = address.family === 4 ? 32 : 128;
  const isPrefix = /^(?:0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= width;
  return {
    problem: isPrefix
      ? 'the bits after the prefix of the block are not 0'
      : `the prefix of the block is not a number from 0 to ${width}`,
    fix: 'Write the first address of the block, as in 10.1.0.0/16.',
  };
}

function parseName(text: string): HostPartResult {
  const host = parseHost(text);
  if (host === null) {
    return {
      problem: 'it is neither a host name nor an address',
      fix: 'Write a name such as api.example.com, an address, or a block such as 192.0.2.0/24.',
    };
  }
  if (host.kind === 'address') {
    return { problem: 'the address is not in canonical form', fix: `Write ${formatHost(host)}.` };
  }
  if (host.name === 'localhost' || host.name.endsWith('.localhost')) {
    return {
      problem: 'localhost is the guest itself, which no policy covers',
      fix: 'Give the service of this machine a name: extra_hosts: ["api.test:127.0.0.1:8443"].',
    };
  }
  return { host: { kind: 'name', name: host.name } };
}

/** Parses the host of a pattern, without port, `/tcp` and brackets: a name, wildcard, address or block in its plain form. */
export function parseHostPart(text: string): HostPartResult {
  // `.*` is how the SDK's documents write "every name".
  if (text === '*' || text === '**' || text === '.*') return { host: { kind: 'any' } };
  const cidr = parseCidr(text);
  if (cidr !== null) return { host: { kind: 'network', cidr: unwrapMappedCidr(cidr) } };
  if (text.includes('/')) return blockProblem(text);
  if (text.startsWith('.')) {
    return {
      problem: 'it starts with a dot',
      fix: `Write *${text} for one label, **${text} for any depth, and the domain itself as an entry of its own if you need it.`,
    };
  }
  return text.includes('*') ? parseGlob(text) : parseName(text);
}
