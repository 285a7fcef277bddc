import { parseCidr } from '../address/cidr.ts';
import { formatHost, readHost } from '../address/host-name.ts';
import { parseAddress } from '../address/ip-address.ts';
import type { HostPart } from './host-pattern.ts';
import { patternError } from './pattern-error.ts';

/** How the entries of one list are read. */
export interface PatternList {
  /** Key under `network:`, for errors. */
  readonly field: string;
  /** Ports of an entry that names none. */
  readonly defaultPort: 'web' | 'any';
  /** True where too wide is the safe side (`denied_hosts`): a leading `*.` covers every depth. */
  readonly isDeep?: boolean;
}

function readLabels(host: string, entry: string, list: PatternList): HostPart {
  const isDeep = host.startsWith('**.') || (list.isDeep === true && host.startsWith('*.'));
  const rest = isDeep ? host.slice(host.indexOf('.') + 1) : host;
  const fixed = rest.replace(/^(?:[^.]*\*[^.]*\.)+/, '');
  const domain = readHost(fixed);
  const globs = rest
    .slice(0, rest.length - fixed.length)
    .toLowerCase()
    .split('.')
    .slice(0, -1);
  if (domain?.kind !== 'name' || fixed.includes('*')) {
    throw patternError(
      list.field,
      entry,
      'a * stands where the domain itself must be',
      'Write *.example.com for one label, **.example.com for any depth, or * for every name.',
    );
  }
  const wrong = globs.find(
    (label) => !/^(?:\*|[a-z0-9_][a-z0-9_*-]*)$/.test(label) || label.includes('**'),
  );
  if (wrong !== undefined) {
    throw patternError(
      list.field,
      entry,
      `the label "${wrong}" also covers names of strangers`,
      `Write *.${domain.name} for one label, **.${domain.name} for any depth.`,
    );
  }
  return { kind: 'glob', labels: [...globs, ...domain.name.split('.')], isDeep };
}

function readAddressPart(host: string, entry: string, list: PatternList): HostPart | null {
  const cidr = parseCidr(host);
  if (cidr !== null) return { kind: 'network', cidr };
  if (!host.includes('/')) return null;
  const address = parseAddress(host.slice(0, host.indexOf('/')));
  const problem =
    address === null ? 'it holds a path' : 'it is no block: bits behind the prefix must be 0';
  const fix =
    address === null
      ? 'Name the host alone; paths belong in network.rules.'
      : 'Write the first address of the block, as in 10.1.0.0/16.';
  throw patternError(list.field, entry, problem, fix);
}

/**
 * The host of an entry, without port and suffix.
 * @throws {GondolinError} NET_PATTERN_INVALID when it is no name, wildcard, address or block in its plain form.
 */
export function readHostPart(text: string, entry: string, list: PatternList): HostPart {
  // `.*` is how the SDK's documents write "every name".
  if (text === '*' || text === '**' || text === '.*') return { kind: 'any' };
  const network = readAddressPart(text, entry, list);
  if (network !== null) return network;
  if (text.startsWith('.')) {
    throw patternError(
      list.field,
      entry,
      'it starts with a dot',
      `Write *${text} for one label, **${text} for any depth, and the domain itself beside it if you need it.`,
    );
  }
  if (text.includes('*')) return readLabels(text, entry, list);
  const host = readHost(text);
  if (host === null)
    throw patternError(
      list.field,
      entry,
      'it is neither a host name nor an address',
      'Write a name such as api.example.com, an address, or a block such as 192.0.2.0/24.',
    );
  if (host.kind === 'address') {
    throw patternError(
      list.field,
      entry,
      'the address is not in its plain form',
      `Write ${formatHost(host)}.`,
    );
  }
  if (host.name === 'localhost' || host.name.endsWith('.localhost')) {
    throw patternError(
      list.field,
      entry,
      'localhost is the guest itself, which no policy hides',
      'Give the service of this machine a name: extra_hosts: ["api.test:127.0.0.1:8443"].',
    );
  }
  return { kind: 'name', name: host.name };
}
