import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import { readExtraRoots } from '../host/extra-roots.ts';
import { Asker } from './ask/asker.ts';
import type { NetworkEvent } from './audit/network-event.ts';
import { answerDns } from './dns/answer-dns.ts';
import { locateDestination } from './dns/locate-destination.ts';
import { SyntheticAddresses } from './dns/synthetic-addresses.ts';
import type { GuestRequest } from './http/guest-request.ts';
import type { Target } from './http/request-context.ts';
import { type InternalHosts, internalHostsByName } from './internal-host.ts';
import { MAX_GUEST_CONNECTIONS, WAITING_TIMES } from './limits.ts';
import { applyUpdate } from './live/apply-update.ts';
import {
  type NetworkDefinition,
  toDefinition,
  toNetworkPolicy,
} from './live/network-definition.ts';
import { compileRules, type NetworkRules } from './live/network-rules.ts';
import type { NetworkPolicy, NetworkUpdate } from './live/network-update.ts';
import type { GuestTrust, NetworkOptions, NetworkState } from './network-options.ts';
import type { NetworkServices } from './network-services.ts';
import { NetworkTrust } from './network-trust.ts';
import { proxyOptions, UpstreamProxy } from './proxy/upstream-proxy.ts';
import { checkRoots } from './root-certificates.ts';
import { createPlaceholderSeed } from './secret/placeholder.ts';
import type { SecretStore } from './secret/secret-store.ts';
import { resolveName } from './tcp/resolve-name.ts';
import { reset } from './tcp/splice.ts';
import { guestTrustEnv } from './tls/guest-trust-env.ts';

type DataPath = import('./data-path.ts').DataPath;

interface NetworkEvents {
  event: [NetworkEvent];
  /** A failure of ours on one connection, which was reset; never caused by the guest or a server. */
  fault: [Error];
}

/**
 * The network of one VM: judges each connection and DNS query of the guest and carries what the policy allows. Creating one
 * is cheap; HTTP, TLS and the rest are loaded for the first connection.
 */
export class Network extends EventEmitter<NetworkEvents> {
  readonly #options: NetworkOptions;
  readonly #pool: SyntheticAddresses;
  readonly #placeholderSeed: Buffer;
  readonly #internalHosts: InternalHosts;
  #definition: NetworkDefinition;
  #rules: NetworkRules;
  #secrets: SecretStore;
  readonly #proxy: UpstreamProxy | null;
  readonly #asker: Asker | null;
  readonly #services: NetworkServices;
  readonly #streams = new Set<Duplex>();
  readonly #trust: NetworkTrust;
  #dataPath: Promise<DataPath> | null = null;
  #lastConnectionId = 0;
  #isClosed = false;

  /** @throws {GondolinError} NET_PATTERN_INVALID, NET_SECRET_INVALID or NET_CA_INVALID naming the entry. */
  constructor(options: NetworkOptions) {
    super();
    const { restored } = options;
    this.#options = options;
    checkRoots(options.ca ?? []);
    this.#internalHosts = internalHostsByName(options.internalHosts ?? []);
    const seed = restored?.placeholderSeed ?? options.placeholderSeed;
    this.#placeholderSeed = seed === undefined ? createPlaceholderSeed() : Buffer.from(seed, 'hex');
    this.#definition = toDefinition(options);
    this.#asker = this.#createAsker();
    const { rules, store } = this.#compile(this.#definition);
    this.#rules = rules;
    this.#secrets = store;
    this.#pool = new SyntheticAddresses({ names: restored?.names ?? rules.policy.names });
    const { upstreamProxy: proxy } = options;
    this.#proxy = proxy === undefined ? null : new UpstreamProxy(proxyOptions(proxy));
    this.#trust = new NetworkTrust(options, (error) => this.emit('fault', error));
    this.#services = this.#assemble();
  }

  /** True for a guest whose CPU is QEMU's TCG; selects the ciphers. Set before the first connection. */
  set isCpuEmulated(isEmulated: boolean) {
    this.#trust.isCpuEmulated = isEmulated;
  }

  /** The definition in force, for a copy of this network. */
  get definition(): NetworkDefinition {
    return this.#definition;
  }

  /** The policy in force. */
  get policy(): NetworkPolicy {
    return toNetworkPolicy(this.#definition);
  }

  /** Every value that a secret of this network has or had, for the masks of what the host prints. */
  get knownValues(): readonly { readonly name: string; readonly value: string }[] {
    const values = this.#definition.secrets.flatMap(({ name, value, formerValues = [] }) =>
      [value, ...formerValues].map((one) => ({ name, value: one.reveal() })),
    );
    const own = this.#proxy?.credentials?.value.reveal();
    return own === undefined ? values : [...values, { name: 'upstream_proxy', value: own }];
  }

  /**
   * Puts changes in force, all or nothing. Requests that come later are judged by the new policy, on connections that are open
   * too; connections and requests in progress whose host or address it does not allow are broken off. Rules apply to later
   * requests.
   *
   * @throws {GondolinError} NET_UPDATE_INVALID, NET_PATTERN_INVALID or NET_SECRET_INVALID naming the field: nothing has changed.
   *   NET_CLOSED after `close`.
   */
  async update(update: NetworkUpdate): Promise<void> {
    if (this.#isClosed) throw closedError();
    const definition = applyUpdate(this.#definition, update);
    const { rules, store } = this.#compile(definition);
    this.#definition = definition;
    this.#rules = rules;
    this.#secrets = store;
    (await this.#dataPath)?.update();
  }

  /** Warnings for the user about weak values, as sentences. */
  get warnings(): readonly string[] {
    return this.#secrets.warnings;
  }

  /** Variables for the guest: placeholders of secrets, and where `guestTrust`'s files are. */
  get env(): Readonly<Record<string, string>> {
    return { ...guestTrustEnv({ seesServers: this.#showsServers() }), ...this.placeholders };
  }

  /** Placeholders by the names of their variables. */
  get placeholders(): Readonly<Record<string, string>> {
    return this.#secrets.env;
  }

  /** State to pass to the next network of a saved VM. */
  get state(): NetworkState {
    return { names: this.#pool.names, placeholderSeed: this.#placeholderSeed.toString('hex') };
  }

  /**
   * Takes over one connection of the guest. Never throws: a connection that cannot be served is reset.
   *
   * @param destination  Untrusted, as the guest opened it.
   */
  accept(stream: Duplex, destination: { readonly address: string; readonly port: number }): void {
    stream.on('error', () => undefined);
    if (this.#isClosed || this.#streams.size >= MAX_GUEST_CONNECTIONS) {
      reset(stream);
      return;
    }
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
    this.#serve(stream, destination).catch((error: Error) => {
      reset(stream);
      this.emit('fault', error);
    });
  }

  /**
   * Takes over one request of a guest that has no connections: it is judged and carried as the only request of one to that place.
   * Never throws: what cannot be served is an error of the response.
   *
   * @param guest  Untrusted, and `target` too.
   */
  request(guest: GuestRequest, target: Target): void {
    this.#exchange(guest, target).catch((error: Error) => {
      guest.response.onError(error);
      this.emit('fault', error);
    });
  }

  /** Closes connections to servers that carry nothing. */
  async retire(): Promise<void> {
    (await this.#dataPath)?.retire();
  }

  /** Answers one DNS message; null drops it. Never rejects. */
  answerDns(query: Buffer): Promise<Buffer | null> {
    return this.#answerDns(query, false);
  }

  /**
   * Checks and reads what options only refer to: the keys of `ssh`. Call it before the first connection.
   * @throws {GondolinError} NET_SSH_INVALID or NET_PATTERN_INVALID naming the entry.
   */
  prepare(): Promise<void> {
    return this.#trust.prepare();
  }

  /**
   * Returns the digest (64 hex digits) of everything that guests of this network trust: a saved guest with another one
   * must not be restored. Opens this machine's authority, or creates it.
   *
   * @throws {GondolinError} As `guestTrust`.
   */
  trustKey(): Promise<string> {
    return this.#trust.key();
  }

  /**
   * Returns the files and variables by which a guest trusts our authority.
   *
   * @throws {GondolinError} NET_CA_UNUSABLE, HOST_DIRECTORY_UNUSABLE, HOST_LOCK_FAILED or HOST_WRITE_FAILED.
   */
  async guestTrust(): Promise<GuestTrust> {
    return { ...(await this.#trust.guestTrust()), env: this.env };
  }

  /** Closes every connection of the guest and to servers. Resolves when their sockets are closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#asker?.close();
    for (const stream of this.#streams) reset(stream);
    await (await this.#dataPath)?.close();
  }

  /** Returns true if a server's own certificate may reach the guest. */
  #showsServers(): boolean {
    return this.#rules.policy.allowsTcp || this.#definition.passthrough.length > 0;
  }

  #createAsker(): Asker | null {
    const { onAsk, askTimeoutMs: timeoutMs } = this.#options;
    if (onAsk === undefined) return null;
    return new Asker({
      onAsk,
      timeoutMs,
      emit: (outcome) => this.emit('event', { kind: 'ask', ...outcome }),
      fault: (error) => this.emit('fault', error),
    });
  }

  #compile(definition: NetworkDefinition) {
    return compileRules(definition, {
      hooks: this.#options.hooks,
      grants: (...place) => this.#asker?.isGranted(...place) === true,
      placeholderSeed: this.#placeholderSeed,
      internalHosts: this.#internalHosts,
    });
  }

  #assemble(): NetworkServices {
    const { ca = [], resolve = resolveName, waits } = this.#options;
    return {
      rules: () => this.#rules,
      answerDns: (query, isTcp) => this.#answerDns(query, isTcp),
      leafFor: async (name) => (await this.#trust.certificates()).leaves.contextFor(name),
      ssh: this.#options.ssh === undefined ? null : () => this.#trust.sshEgress(),
      internalHosts: this.#internalHosts,
      ca,
      resolve,
      proxy: this.#proxy,
      asker: this.#asker,
      waits: { ...WAITING_TIMES, ...waits },
    };
  }

  async #answerDns(query: Buffer, isTcp: boolean): Promise<Buffer | null> {
    if (this.#isClosed) return null;
    return answerDns(query, this.#rules.policy, this.#pool, {
      isTcp,
      onQuestion: ({ name, type, verdict }) => {
        const outcome = verdict.isAllowed ? 'answered' : 'refused';
        const timestampMs = Date.now();
        this.emit('event', { kind: 'dns', timestampMs, name, recordType: type, outcome });
      },
    });
  }

  #loadDataPath(): Promise<DataPath> {
    this.#dataPath ??= this.#openDataPath();
    return this.#dataPath;
  }

  async #openDataPath(): Promise<DataPath> {
    const { ca } = this.#services;
    // Passing `ca` to Node replaces its own roots, so they are added; without `ca` it uses its own.
    const [{ DataPath: Path }, extra] = await Promise.all([
      import('./data-path.ts'),
      ca.length === 0 ? [] : readExtraRoots(),
    ]);
    const services = { ...this.#services, ca: [...ca, ...extra] };
    return new Path(services, {
      emit: (event) => this.emit('event', event),
      fault: (error) => this.emit('fault', error),
    });
  }

  async #exchange(guest: GuestRequest, target: Target): Promise<void> {
    const dataPath = this.#isClosed ? null : await this.#loadDataPath();
    if (dataPath === null || this.#isClosed) {
      guest.response.onError(closedError());
      return;
    }
    // A made-up address is nobody's.
    if (target.isLiteral && this.#pool.owns(target.name)) {
      const message = `${target.name} is no address of a server`;
      guest.response.onError(new GondolinError('NET_NAME_UNRESOLVED', message));
      return;
    }
    this.#lastConnectionId += 1;
    dataPath.request(guest, target, this.#lastConnectionId);
  }

  async #serve(stream: Duplex, at: { address: string; port: number }): Promise<void> {
    const to = locateDestination(this.#pool, at);
    if (to === null) {
      reset(stream);
      return;
    }
    const dataPath = await this.#loadDataPath();
    if (this.#isClosed || stream.destroyed) return;
    this.#lastConnectionId += 1;
    await dataPath.serve(stream, to, this.#lastConnectionId);
  }
}

function closedError(): GondolinError {
  return new GondolinError('NET_CLOSED', 'the network of this VM was closed');
}
