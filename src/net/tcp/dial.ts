import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isSameAddress } from '../../address/ip-address.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { Destination } from '../destination.ts';
import { MAX_CANDIDATES } from '../dns/limits.ts';
import type { PolicyJudge } from '../policy/compile-policy.ts';
import type { UpstreamProxy } from '../proxy/upstream-proxy.ts';
import type { Blocked } from '../refusal/refusal.ts';
import { Lookups } from './lookups.ts';
import { connected, openSocket } from './open-socket.ts';
import { notePeerAddress } from './peer-address.ts';
import { SpareConnections } from './spare-connections.ts';

/**
 * Resolves a name on the host, every address. Rejects as `dns.lookup` does.
 *
 * @example
 * const resolve: Resolve = async (name) => (name === 'registry.example.com' ? ['192.0.2.7'] : []);
 * const policy = { allowedHosts: ['registry.example.com'] };
 * const vm = await VM.create({ network: { policy, resolve } });
 */
export type Resolve = (name: string) => Promise<readonly string[]>;

export interface DialOptions {
  readonly signal?: AbortSignal;
  /** The socket stays writable after the server's FIN. Default: false. */
  readonly allowHalfOpen?: boolean;
}

export interface DialerOptions {
  readonly policy: Pick<PolicyJudge, 'decideAddress' | 'extraHost'>;
  readonly resolve: Resolve;
  /** Time that the addresses of a name are reused for further connections, in milliseconds. @default 0 */
  readonly lookupCacheMs?: number;
  /** @default null: servers are dialled directly */
  readonly proxy?: UpstreamProxy | null;
  /** Further roots for TLS to the proxy, PEM. @default none */
  readonly roots?: readonly string[];
}

/** Addresses of one name that a proxy is asked for. */
const MAX_PROXY_ATTEMPTS = 3;

/** Reports an address that the policy refuses. It is not a network error: the guest gets the refusal, not a 502. */
export class AddressRefused extends Error {
  readonly refusal: Blocked;

  constructor(refusal: Blocked) {
    super(`the address is refused: ${refusal.reason}`);
    this.refusal = refusal;
  }
}

/**
 * Opens TCP connections to destinations of the guest. A name is resolved here, on the host, each of its addresses is
 * judged, and only judged addresses are dialled: nothing resolves a second time between check and dial. A connection
 * stays with the address it was judged for, so that reusing it needs no second look.
 */
export class Dialer {
  readonly #options: DialerOptions;
  readonly #lookups: Lookups;
  readonly #open = new Set<Socket>();
  readonly #spares = new SpareConnections();
  #isClosed = false;
  /** Counts changes of the policy. */
  #epoch = 0;

  constructor(options: DialerOptions) {
    this.#options = options;
    this.#lookups = new Lookups(options.resolve, options.lookupCacheMs ?? 0);
  }

  /**
   * @returns A connected socket of the dialer's: `close()` destroys it.
   * @throws {AddressRefused} when policy lets none of the addresses through.
   * @throws {GondolinError} NET_NAME_UNRESOLVED, NET_DIAL_FAILED (details: code), NET_DIAL_TIMEOUT or NET_CLOSED.
   */
  async dial(to: Destination, options: DialOptions = {}): Promise<Socket> {
    return (
      this.#spares.take(to, options.allowHalfOpen === true) ?? (await this.#dialNew(to, options))
    );
  }

  /**
   * Checks that a server can be reached. Unless a connection to it is open, dials once for all concurrent callers and keeps
   * that connection for the next `dial` as long as `guest` is open.
   * @throws As `dial`.
   */
  reach(to: Destination, guest: Duplex): Promise<void> {
    return this.#spares.reach(to, guest, () => this.#dialNew(to, {}));
  }

  /** Closes connections that wait for use, after a change of the policy: addresses are judged again. */
  forget(): void {
    this.#epoch += 1;
    this.#spares.drop();
  }

  async #dialNew(to: Destination, options: DialOptions): Promise<Socket> {
    const epoch = this.#epoch;
    const extra = to.isLiteral ? null : this.#options.policy.extraHost(to.name);
    const port = extra?.port ?? to.port;
    // An address that the user wrote is the user's own network.
    const proxy = extra === null ? this.#proxyFor(to) : null;
    if (proxy?.resolvesNames === true && !to.isLiteral) {
      return this.#dialBehind(proxy, to, options, null);
    }
    const found = extra === null ? await this.#resolve(to) : [extra.address];
    const addresses = this.#judge(found, to, port);
    if (this.#isClosed) throw new GondolinError('NET_CLOSED', 'the network of this VM was closed');
    const direct = addresses.filter((address) => proxy?.isDirect(address, port) ?? true);
    if (proxy !== null && direct.length === 0) {
      return this.#dialFirst(proxy, to, options, addresses);
    }
    const socket = openSocket(to, {
      addresses: direct,
      port,
      allowHalfOpen: options.allowHalfOpen === true,
    });
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    await connected(socket, to, options.signal);
    const remote = socket.remoteAddress;
    if (remote === undefined || !direct.some((address) => isSameAddress(address, remote))) {
      socket.destroy();
      throw new GondolinError('NET_DIAL_FAILED', `the connection to ${to.name} closed immediately`);
    }
    if (epoch !== this.#epoch) this.#judgeDialled(socket, remote, to, port);
    this.#spares.opened(to, socket);
    return socket;
  }

  #proxyFor(to: Destination): UpstreamProxy | null {
    const { proxy = null } = this.#options;
    return proxy === null || proxy.isDirect(to.name, to.port) ? null : proxy;
  }

  /** Returns the proxy that gets a plain request to this destination as a request, not as a tunnel; null for all others. */
  forwarder(to: Destination): UpstreamProxy | null {
    if (to.isLiteral || this.#options.policy.extraHost(to.name) !== null) return null;
    const proxy = this.#proxyFor(to);
    return proxy?.resolvesNames === true && proxy.kind !== 'socks5' ? proxy : null;
  }

  /** Connects to the proxy itself, for requests to `to`. @throws As `dial`. */
  dialForwarder(proxy: UpstreamProxy, to: Destination): Promise<Socket> {
    return this.#dialBehind(proxy, to, {}, null, true);
  }

  /** Tries addresses one after the other, IPv4 first: few proxies have IPv6. */
  async #dialFirst(
    proxy: UpstreamProxy,
    to: Destination,
    options: DialOptions,
    addresses: readonly string[],
  ): Promise<Socket> {
    const inOrder = addresses.toSorted((a, b) => isIP(a) - isIP(b)).slice(0, MAX_PROXY_ATTEMPTS);
    let first: unknown;
    for (const address of inOrder) {
      try {
        return await this.#dialBehind(proxy, to, options, address);
      } catch (error) {
        first ??= error;
        const isRefused = GondolinError.is(error) && error.details?.['problem'] === 'refused';
        if (!isRefused) break;
      }
    }
    throw first;
  }

  /** @param address  The judged address; null where the proxy resolves the name. */
  async #dialBehind(
    proxy: UpstreamProxy,
    to: Destination,
    { signal, allowHalfOpen = false }: DialOptions,
    address: string | null,
    isForwarder = false,
  ): Promise<Socket> {
    const epoch = this.#epoch;
    const target = isForwarder ? null : { host: address ?? to.name, port: to.port };
    const { dialProxy } = await import('../proxy/dial-proxy.ts');
    if (this.#isClosed) throw new GondolinError('NET_CLOSED', 'the network of this VM was closed');
    const socket = await dialProxy(proxy, target, {
      roots: this.#options.roots ?? [],
      allowHalfOpen,
      signal,
      onSocket: (opened) => {
        this.#open.add(opened);
        opened.once('close', () => this.#open.delete(opened));
      },
    });
    if (address !== null && epoch !== this.#epoch) {
      this.#judgeDialled(socket, address, to, to.port);
    }
    notePeerAddress(socket, address);
    if (!isForwarder) this.#spares.opened(to, socket);
    return socket;
  }

  /** Judges a connection by the policy that replaced the one it was dialled under. */
  #judgeDialled(socket: Socket, remote: string, to: Destination, port: number): void {
    try {
      this.#judge([remote], to, port);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** Closes every connection that is still open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const ends = [...this.#open].map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    );
    for (const socket of this.#open) socket.destroy();
    await Promise.all(ends);
  }

  async #resolve(to: Destination): Promise<readonly string[]> {
    return to.isLiteral ? [to.name] : this.#lookups.resolve(to.name);
  }

  #judge(addresses: readonly string[], to: Destination, port: number): string[] {
    const name = to.isLiteral ? null : to.name;
    const allowed: string[] = [];
    let refused: Blocked | null = null;
    for (const address of addresses) {
      // A zone or a short form could name another address than the one judged.
      if (isIP(address) === 0 || address.includes('%')) continue;
      const verdict = this.#options.policy.decideAddress(address, name, port);
      if (verdict.isAllowed) allowed.push(address);
      else refused ??= verdict;
    }
    if (allowed.length > 0) return allowed.slice(0, MAX_CANDIDATES);
    if (refused !== null) throw new AddressRefused(refused);
    throw new GondolinError('NET_NAME_UNRESOLVED', `${to.name} has no address`);
  }
}
