import type { AgentClient } from '../agent/agent-client.ts';
import type { Machine } from '../machine/start-machine.ts';
import type { MuxSession } from '../mux/mux-session.ts';
import type { MuxStream } from '../mux/mux-stream.ts';
import type { NetworkEvent } from '../net/audit/network-event.ts';
import { createSecretMask, maskEvent, type SecretMask } from '../net/audit/secret-mask.ts';
import type { NetworkPolicy, NetworkUpdate } from '../net/live/network-update.ts';
import { Network } from '../net/network.ts';
import type { NetworkOptions, NetworkState } from '../net/network-options.ts';
import { STREAM_KIND } from '../protocol/constants.ts';
import { DnsRecordDecoder, encodeDnsRecord } from '../protocol/dns-records.ts';
import { guestProtocolError } from '../protocol/guest-protocol-error.ts';
import { decodeTcpDestination } from '../protocol/tcp-destination.ts';
import type { DebugLog } from './vm-options.ts';

/**
 * The network of a VM as its options describe it.
 *
 * @example
 * const network: VMNetwork = { policy: { allowedHosts: ['registry.example.com'] } };
 * const vm = await VM.create({ network });
 */
export type VMNetwork = Omit<NetworkOptions, 'caDirectory' | 'restored'>;

export interface GuestNetworkOptions {
  readonly network: VMNetwork;
  readonly caDirectory: string;
  readonly restored: NetworkState | null;
  readonly onEvent: (event: NetworkEvent) => void;
  readonly onWarning: (message: string) => void;
  readonly log: DebugLog;
}

/** Queries of one guest that may wait for a response; more are dropped, and the guest's resolver repeats them. */
const MAX_QUERIES = 256;

/** Connects a guest's captured connections and DNS queries to the network that judges them. */
export class GuestNetwork {
  /** Names the certificates that a guest trusts: a template made for others cannot be used. */
  readonly trustKey: string;
  readonly #network: Network;
  readonly #onWarning: (message: string) => void;
  #mask: SecretMask;
  /** Made with its first use; null when secrets changed since. */
  #textMask: SecretMask | null = null;

  private constructor(network: Network, trustKey: string, onWarning: (message: string) => void) {
    this.#network = network;
    this.trustKey = trustKey;
    this.#onWarning = onWarning;
    this.#mask = createSecretMask(network.knownValues);
  }

  /**
   * Reads this machine's certificate authority, or creates it. No connection passes before `register`.
   * @throws {GondolinError} NET_PATTERN_INVALID, NET_SECRET_INVALID, NET_CA_UNUSABLE, HOST_….
   */
  static async open(options: GuestNetworkOptions): Promise<GuestNetwork> {
    const { network: config, caDirectory, restored, onEvent, onWarning, log } = options;
    const network = new Network({
      ...config,
      caDirectory,
      ...(restored === null ? {} : { restored }),
    });
    await network.prepare();
    const guest = new GuestNetwork(network, await network.trustKey(), onWarning);
    network.on('event', (event) => onEvent(maskEvent(event, guest.#mask)));
    network.on('fault', (error) => log('net', guest.#mask(error.stack ?? error.message)));
    for (const warning of network.warnings) onWarning(warning);
    return guest;
  }

  /** Masks values and placeholders of secrets in a text. */
  mask(text: string): string {
    this.#textMask ??= createSecretMask([
      ...this.#network.knownValues,
      ...this.#placeholderValues(),
    ]);
    return this.#textMask(text);
  }

  #placeholderValues(): { readonly name: string; readonly value: string }[] {
    return Object.entries(this.#network.placeholders).map(([name, value]) => ({ name, value }));
  }

  /** The options in force that updates change, for the network of a copy of this VM. */
  get current(): Pick<VMNetwork, 'policy' | 'passthrough' | 'secrets'> {
    const { policy, passthrough, secrets } = this.#network.definition;
    return { policy, passthrough, secrets };
  }

  /** The policy in force. */
  get policy(): NetworkPolicy {
    return this.#network.policy;
  }

  /** @throws {GondolinError} As `Network.update`. */
  async update(update: NetworkUpdate): Promise<void> {
    const warned = new Set(this.#network.warnings);
    const updating = this.#network.update(update);
    // At once: the next event may have a new value.
    this.#mask = createSecretMask(this.#network.knownValues);
    this.#textMask = null;
    await updating;
    this.#textMask = null;
    for (const warning of this.#network.warnings)
      if (!warned.has(warning)) this.#onWarning(warning);
  }

  /** Variables of every command: placeholders, and the path of the authority's certificate. */
  get env(): Readonly<Record<string, string>> {
    return this.#network.env;
  }

  /** The variables of `env` whose values are placeholders of secrets. */
  get placeholders(): Readonly<Record<string, string>> {
    return this.#network.placeholders;
  }

  /** State that a restored copy of this VM needs. Holds no secret value. */
  get state(): NetworkState {
    return this.#network.state;
  }

  /** Serves the streams that the guest opens on this session. Call it before the session's first message is read. */
  register(session: MuxSession, { accelerator }: Machine): void {
    this.#network.isCpuEmulated = accelerator === 'tcg';
    session.onOpen(STREAM_KIND.TCP, (stream, body) => {
      this.#network.accept(stream, decodeTcpDestination(body));
    });
    let dns: MuxStream | null = null;
    session.onOpen(STREAM_KIND.DNS, (stream) => {
      if (dns !== null && !dns.destroyed) {
        throw guestProtocolError('one DNS stream at a time', { subject: 'OPEN', got: stream.id });
      }
      dns = stream;
      this.#serveDns(session, stream);
    });
  }

  /** Makes the guest capture its connections and trust this machine's authority. Call it before the guest runs a command. */
  async install(agent: AgentClient): Promise<void> {
    const { files } = await this.#network.guestTrust();
    await agent.network();
    for (const file of files) await agent.writeFile(file);
  }

  #serveDns(session: MuxSession, stream: MuxStream): void {
    const decoder = new DnsRecordDecoder();
    let waiting = 0;
    const respond = async (tag: number, query: Buffer) => {
      waiting += 1;
      const message = await this.#network.answerDns(query).finally(() => {
        waiting -= 1;
      });
      if (message !== null && stream.writable) stream.write(encodeDnsRecord({ tag, message }));
    };
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const { tag, message } of decoder.push(chunk)) {
          const isFull = waiting >= MAX_QUERIES || stream.writableNeedDrain;
          if (!isFull) respond(tag, message).catch((error) => session.fail(error));
        }
      } catch (error) {
        session.fail(error);
      }
    });
    stream.on('end', () => stream.end());
  }

  /** Ends every connection. */
  close(): Promise<void> {
    return this.#network.close();
  }
}
