import { parseHost } from '../../address/host.ts';
import {
  formatAddress,
  type IpAddress,
  parseAddress,
  unwrapMapped,
} from '../../address/ip-address.ts';
import { patternError } from './pattern-error.ts';
import type { ExtraHost } from './policy-options.ts';

function describe({ name, address, port }: ExtraHost): string {
  return port === undefined ? `${name}:${address}` : `${name}:${address}:${port}`;
}

function readExtraHost(given: ExtraHost): ExtraHost {
  const entry = describe(given);
  const isText = typeof given.name === 'string' && typeof given.address === 'string';
  const host = !isText || given.name.includes('*') ? null : parseHost(given.name);
  if (host?.kind !== 'name')
    throw patternError(
      'extra_hosts',
      entry,
      'it does not start with one host name',
      'Write name:address or name:address:port.',
    );
  const address = parseAddress(given.address);
  if (address === null)
    throw patternError(
      'extra_hosts',
      entry,
      `"${given.address}" is not an address`,
      'Write an address such as 127.0.0.1 or ::1, not a name.',
    );
  const { port } = given;
  if (port === undefined) return { name: host.name, address: formatAddress(unwrapMapped(address)) };
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw patternError(
      'extra_hosts',
      entry,
      'its port is not a number from 1 to 65535',
      'Write name:address:8443, or leave the port out.',
    );
  }
  return { name: host.name, address: formatAddress(unwrapMapped(address)), port };
}

/** The compiled `extra_hosts`: canonical names, each with one address. */
export class ExtraHosts {
  readonly #byName = new Map<string, ExtraHost>();

  /** @throws {GondolinError} NET_PATTERN_INVALID for a bad name, address or port, or a name that appears twice. */
  constructor(entries: readonly ExtraHost[]) {
    for (const given of entries) {
      const extra = readExtraHost(given);
      if (this.#byName.has(extra.name)) {
        throw patternError(
          'extra_hosts',
          describe(given),
          'the name appears twice',
          'Keep one address per name.',
        );
      }
      this.#byName.set(extra.name, extra);
    }
  }

  /** Canonical names, in writing order. */
  get names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  /** Returns the entry of a canonical name, or null. */
  get(name: string): ExtraHost | null {
    return this.#byName.get(name) ?? null;
  }

  /** Returns true when the entry of this name has this address. */
  leadsTo(name: string, address: IpAddress): boolean {
    return this.#byName.get(name)?.address === formatAddress(unwrapMapped(address));
  }
}
