import { isSingleAddress } from '../../address/cidr.ts';
import { type Host, parseHost } from '../../address/host.ts';
import {
  formatAddress,
  type IpAddress,
  parseAddress,
  unwrapMapped,
} from '../../address/ip-address.ts';
import { type ForbiddenRange, forbiddenRange, innerAddress } from '../../address/ranges.ts';
import type { ExtraHosts } from './extra-hosts.ts';
import type { HostAddresses } from './host-addresses.ts';
import { compileHostPatterns, type HostPatterns } from './host-patterns.ts';
import { coversPort, type ListedPattern, WEB_PORTS } from './listed-pattern.ts';
import { patternError } from './pattern-error.ts';
import { isMetadata } from './refuse-literal.ts';
import { suggestPrivate } from './suggest.ts';
import { allow, deny, type Verdict } from './verdict.ts';

/** The parts of a policy that {@link AddressPolicy} needs. */
export interface AddressPolicyParts {
  readonly blockPrivateIps: boolean;
  readonly allowedPrivate: readonly string[];
  readonly extraHosts: ExtraHosts;
  readonly allowed: HostPatterns;
  readonly hostAddresses: HostAddresses;
  readonly denied: HostPatterns;
  /** Hosts of `network.ssh`. */
  readonly ssh: HostPatterns;
}

interface AddressQuestion {
  readonly host: Host | null;
  readonly address: IpAddress;
  readonly port: number;
}

/** Returns true when an entry opens an address of the range. Only its exact address opens a metadata service. */
function opensAddress(entry: ListedPattern, range: ForbiddenRange): boolean {
  const isExact = entry.host.kind === 'network' && isSingleAddress(entry.host.cidr);
  return isExact || range.name !== 'metadata';
}

/**
 * Judges the address that is dialled, whatever name led to it, so that DNS rebinding gains nothing. The verdict is the same
 * as long as this machine's interfaces do not change.
 */
export class AddressPolicy {
  readonly #parts: AddressPolicyParts;
  readonly #allowedPrivate: HostPatterns;

  /** @throws {GondolinError} NET_PATTERN_INVALID for an entry of `allowed_private`. */
  constructor(parts: AddressPolicyParts) {
    this.#parts = parts;
    this.#allowedPrivate = compileHostPatterns(parts.allowedPrivate, 'allowed_private');
    const any = this.#allowedPrivate.all.find(({ host }) => host.kind === 'any');
    if (any !== undefined) {
      throw patternError(
        'allowed_private',
        any.entry,
        'it would open every private address',
        'Name hosts, addresses or blocks; block_private_ips: false opens internal networks.',
      );
    }
  }

  #exception(question: AddressQuestion, range: ForbiddenRange): Verdict | null {
    const { host, address, port } = question;
    const { blockPrivateIps } = this.#parts;
    if (host?.kind === 'name' && this.#leadsTo(host, address, port)) {
      return allow(`extra_hosts: ${JSON.stringify(host.name)}`);
    }
    if (!blockPrivateIps && range.isInternal) return allow('block_private_ips: false');
    const byAddress = [address, innerAddress(address)].flatMap((dialled) =>
      this.#covering({ kind: 'address', address: dialled }, port).filter((entry) =>
        opensAddress(entry, range),
      ),
    );
    const byName = range.isInternal && host?.kind === 'name' ? this.#covering(host, port) : [];
    const [opener] = [...byAddress, ...byName];
    return opener ? allow(`allowed_private: ${JSON.stringify(opener.entry)}`) : null;
  }

  /** Returns true when `extra_hosts` opens the port: its own port, else 80, 443 and the ports of `allowed_hosts` and `ssh`. */
  #leadsTo(host: Extract<Host, { kind: 'name' }>, address: IpAddress, port: number): boolean {
    const { extraHosts, allowed, ssh } = this.#parts;
    if (!extraHosts.leadsTo(host.name, address)) return false;
    const own = extraHosts.get(host.name)?.port;
    if (own !== undefined) return own === port;
    const isListed = [allowed, ssh].some((list) => list.find(host, port) !== undefined);
    return WEB_PORTS.includes(port) || isListed;
  }

  #covering(host: Host, port: number): readonly ListedPattern[] {
    return this.#allowedPrivate.covering(host).filter((entry) => coversPort(entry, port));
  }

  /**
   * @param addressText  The resolved address, strict text.
   * @param hostText     The name it was resolved for, or null when the guest dialled the address itself.
   * @param port         Port to be dialled, or 0 if unknown: then entries of `denied_hosts` with a port count, and entries
   *   of `allowed_private` with a port do not.
   */
  decide(addressText: string, hostText: string | null, port: number): Verdict {
    const parsed = parseAddress(addressText);
    const host = hostText === null ? null : parseHost(hostText);
    if (parsed === null || (hostText !== null && host === null)) {
      return deny('invalid_host', { by: 'check', check: 'dialled_address' });
    }
    const address = unwrapMapped(parsed);
    const denied = [address, innerAddress(address)]
      .flatMap((dialled) => this.#parts.denied.covering({ kind: 'address', address: dialled }))
      .find((entry) => port === 0 || coversPort(entry, port));
    if (denied) {
      const { entry } = denied;
      const suggest = { kind: 'remove', list: 'denied_hosts', entry } as const;
      return deny('denied', { by: 'denied_hosts', entry }, isMetadata(address) ? null : suggest);
    }
    const range =
      forbiddenRange(address) ?? this.#parts.hostAddresses.findRange(innerAddress(address));
    if (range === null) return allow('a public address');
    const exception = this.#exception({ host, address, port }, range);
    if (exception !== null) return exception;
    const opener = range.isInternal && host?.kind === 'name' ? host.name : formatAddress(address);
    return deny(
      'private_address',
      { by: 'range', name: range.name, cidr: range.cidr },
      isMetadata(address) ? null : suggestPrivate(opener),
    );
  }
}
