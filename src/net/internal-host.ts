import type { Duplex } from 'node:stream';

/**
 * A name that leads to a server of this process, such as another VM's: no address is looked up or dialled, and no packet leaves
 * the process. Its bytes are carried unread, whatever they are.
 */
export interface InternalHost {
  /** Canonical host name. */
  readonly name: string;
  /** The entry that allows it, for messages: `depends_on: "db"`. */
  readonly rule: string;
  /** Ports that may be reached; null for every port. */
  readonly ports: readonly number[] | null;
  /**
   * Opens a connection to a port there; gives up when the signal aborts.
   * @throws {GondolinError} NET_DIAL_FAILED, whose cause has the errno.
   */
  connect(port: number, signal: AbortSignal): Promise<Duplex>;
}

/** The internal hosts of a network by name. */
export type InternalHosts = ReadonlyMap<string, InternalHost>;

/** Returns the hosts by name; of two with one name the first. */
export function internalHostsByName(hosts: readonly InternalHost[]): InternalHosts {
  return new Map(hosts.toReversed().map((host) => [host.name, host]));
}
