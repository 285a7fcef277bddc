import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { NetworkEvent } from './audit/network-event.ts';
import { ConnectionRecord } from './connection-record.ts';
import type { Destination } from './destination.ts';
import { serveDnsStream } from './dns/serve-dns-stream.ts';
import { writeAuthority } from './http/authority.ts';
import type { GuestHttp } from './http/guest/guest-http.ts';
import { terminateTls } from './http/guest/guest-tls.ts';
import type { RequestContext } from './http/request-context.ts';
import type { Upstream } from './http/upstream/upstream.ts';
import {
  DENIED_START_MS,
  DENIED_WEB_START_MS,
  IDLE_START_MS,
  OPEN_SERVER_FIRST_MS,
} from './limits.ts';
import type { NetworkServices } from './network-services.ts';
import { isAskable } from './policy/is-askable.ts';
import {
  judgeConnection,
  judgeTransports,
  refusalIn,
  transportMeant,
  type Verdicts,
} from './policy/judge-transports.ts';
import { WEB_PORTS } from './policy/listed-pattern.ts';
import { LOST_PERMISSION, openRefusal } from './policy/open-refusal.ts';
import type { Verdict } from './policy/verdict.ts';
import type { Blocked } from './refusal/refusal.ts';
import { LeakError } from './secret/leak/leak-error.ts';
import { serverNameProblem } from './server-name.ts';
import type { ClientHello } from './tcp/client-hello.ts';
import { failConnection, isConnecting } from './tcp/connect-phase.ts';
import { AddressRefused, type Dialer } from './tcp/dial.ts';
import { firstToSpeak, isWeb } from './tcp/first-to-speak.ts';
import { type Peeked, peek } from './tcp/peek.ts';
import { peerAddress } from './tcp/peer-address.ts';
import { reset, splice } from './tcp/splice.ts';
import type { TokenBucket } from './token-bucket.ts';
import type { Transport } from './transport.ts';

/** The services shared by all connections of one `Network`. */
export interface ConnectionServices {
  readonly network: NetworkServices;
  readonly http: GuestHttp;
  readonly upstream: Upstream;
  readonly dialer: Dialer;
  readonly refusals: TokenBucket;
  readonly emit: (event: NetworkEvent) => void;
}

/** Failures that no errno of connect() describes: the response does. */
const ANSWERED_CODES: ReadonlySet<string> = new Set(['NET_NAME_UNRESOLVED', 'NET_PROXY_FAILED']);

/** One connection of a guest process: its protocol is detected, it is judged and served. */
export class GuestConnection {
  readonly #services: ConnectionServices;
  readonly #stream: Duplex;
  readonly #to: Destination;
  readonly #id: number;
  readonly #record: ConnectionRecord;
  /** Carries what is not judged piece by piece, by this transport. */
  #unread: 'tcp' | 'passthrough' | 'ssh' | null = null;
  /** The dialled address of unread bytes; null before, or where a proxy dials. */
  #address: string | null = null;
  /** The user has allowed raw bytes that no entry of the policy does. */
  #isGranted = false;

  constructor(stream: Duplex, to: Destination, id: number, services: ConnectionServices) {
    this.#stream = stream;
    this.#to = to;
    this.#id = id;
    this.#services = services;
    this.#record = new ConnectionRecord(to, id, services.emit);
  }

  /** Resets the connection if it carries bytes unread and the policy no longer allows that. HTTP is judged request by request. */
  judgeAgain(): void {
    const transport = this.#unread;
    if (transport === null || this.#stream.destroyed) return;
    const { policy, isPassthrough } = this.#services.network.rules();
    const judged = transport === 'passthrough' ? 'https' : transport;
    const [address, isGranted] = [this.#address, this.#isGranted];
    const place = { ...this.#to, transport: judged, address, isGranted } as const;
    const refusal = openRefusal(policy, place);
    const isInspected = transport === 'passthrough' && !isPassthrough(this.#to.name, this.#to.port);
    if (refusal === null && !isInspected) return;
    this.#stream.destroy(new Error(LOST_PERMISSION));
    if (refusal !== null) this.#record.refused(transport, refusal);
  }

  /** Resolves once the connection has been handed over or has ended. */
  async run(): Promise<void> {
    if (this.#to.port === 53) {
      await this.#dns();
      return;
    }
    const { policy } = this.#services.network.rules();
    if (judgeConnection(policy, this.#to, 'ssh').isAllowed) {
      await this.#ssh();
      return;
    }
    const verdicts = judgeTransports(policy, this.#to);
    const isHttpPossible = verdicts.https.isAllowed || verdicts.http.isAllowed;
    if (verdicts.tcp.isAllowed && !isHttpPossible) {
      await this.#raw('tcp');
      return;
    }
    const isRawPossible = verdicts.tcp.isAllowed;
    if (isConnecting(this.#stream) && !(await this.#mayConnect(verdicts, isHttpPossible))) return;
    const firstByteMs = this.#patienceMs(isRawPossible, isHttpPossible);
    const peeked = await peek(this.#stream, { firstByteMs, isRawPossible });
    if (this.#stream.destroyed) return;
    await this.#route(peeked);
  }

  /**
   * Decides the result of the guest's connect() before any byte arrives. Where HTTP is allowed, it succeeds if the server can
   * be reached. Where it is denied it succeeds too, so that a response can give the reason, unless the port is not for HTTP.
   *
   * @returns False when the connection has ended.
   */
  async #mayConnect(verdicts: Verdicts, isHttpPossible: boolean): Promise<boolean> {
    const { dialer, network } = this.#services;
    if (!isHttpPossible) {
      if (!network.rules().policy.isRawPort(this.#to.port)) return true;
      await this.#askRaw(verdicts.tcp);
      return false;
    }
    // A hook may respond in place of a server that does not exist.
    if (network.rules().hooks !== null) return true;
    // A proxy that gets requests may refuse a tunnel to this port.
    if (this.#to.port !== 443 && dialer.forwarder(this.#to) !== null) return true;
    try {
      await dialer.reach(this.#to, this.#stream);
      return !this.#stream.destroyed;
    } catch (error) {
      // No errno of connect() describes these; the response does: 403 or 502.
      if (error instanceof AddressRefused) return true;
      if (!GondolinError.is(error)) throw error;
      if (ANSWERED_CODES.has(error.code)) return true;
      this.#unreachable(transportMeant(this.#to.port), error);
      return false;
    }
  }

  #unreachable(transport: Transport, error: GondolinError): void {
    failConnection(this.#stream, error);
    this.#record.open(transport, null);
    this.#record.end(transport, { sentBytes: 0, receivedBytes: 0, error });
  }

  async #dns(): Promise<void> {
    const answer = (query: Buffer) => this.#services.network.answerDns(query, true);
    // An error of the stream means that the guest closed it.
    await serveDnsStream(this.#stream, answer).catch(() => reset(this.#stream));
  }

  /** Returns how long a guest may stay silent; short where its server may speak first. */
  #patienceMs(isTcpAllowed: boolean, isHttpPossible: boolean): number {
    if (isTcpAllowed) return OPEN_SERVER_FIRST_MS;
    if (isHttpPossible) return IDLE_START_MS;
    return WEB_PORTS.includes(this.#to.port) ? DENIED_WEB_START_MS : DENIED_START_MS;
  }

  /** Judges again: the policy may have changed while the guest was silent. */
  async #route(peeked: Peeked): Promise<void> {
    const verdicts = judgeTransports(this.#services.network.rules().policy, this.#to);
    if (peeked.kind === 'tls') await this.#tls(peeked.hello, verdicts.https);
    else if (peeked.kind === 'http1' || peeked.kind === 'http2') {
      const protocol = peeked.kind;
      this.#serve(this.#stream, { scheme: 'http', protocol, verdict: verdicts.http });
    } else if (verdicts.tcp.isAllowed) {
      const head = peeked.kind === 'ended' ? peeked.head : null;
      // A slow guest may still send TLS: the side that speaks first decides.
      await this.#raw('tcp', head, peeked.kind === 'silent');
    } else {
      await this.#denyRaw(peeked, verdicts);
    }
  }

  /** Carries raw bytes if the user allows it, and resets the connection otherwise. */
  async #askRaw(verdict: Verdict): Promise<void> {
    const { asker } = this.#services.network;
    const refusal = refusalIn(verdict);
    const { name: host, port } = this.#to;
    const question = { host, port, scheme: 'tcp', method: null, url: null } as const;
    if (asker !== null && refusal !== null && isAskable(refusal)) {
      this.#isGranted = await asker.ask(question);
      if (this.#stream.destroyed) return;
    }
    if (this.#isGranted) await this.#raw('tcp');
    else this.#block('tcp', refusal);
  }

  async #denyRaw({ kind }: Peeked, verdicts: Verdicts): Promise<void> {
    if (kind === 'other') {
      await this.#askRaw(verdicts.tcp);
      return;
    }
    const isMute = kind === 'silent' || kind === 'ended';
    // A silent connection to a web port meant the web: the refusal must name the entry that would allow that.
    const meant = isMute ? transportMeant(this.#to.port) : 'tcp';
    const isHttpPossible = verdicts.http.isAllowed || verdicts.https.isAllowed;
    const isReported = !isMute || !isHttpPossible;
    this.#block(meant, isReported ? refusalIn(verdicts[meant]) : null);
  }

  async #tls(hello: ClientHello, verdict: Verdict): Promise<void> {
    const { network, refusals, upstream } = this.#services;
    const { name, port } = this.#to;
    const isOpaque = verdict.isAllowed && network.rules().isPassthrough(name, port);
    const mismatch = serverNameProblem(hello, this.#to, isOpaque);
    if (mismatch !== null) {
      this.#block('https', mismatch);
    } else if (isOpaque) {
      await this.#raw('passthrough');
    } else if (!verdict.isAllowed && !refusals.take()) {
      this.#block('https', verdict);
    } else {
      const secureContext = await network.leafFor(name);
      if (this.#stream.destroyed) return;
      const prefersHttp2 = upstream.mayKnowHttp2({ ...this.#to, scheme: 'https' });
      terminateTls(this.#stream, { secureContext, prefersHttp2 }, (socket) => {
        const protocol = socket.alpnProtocol === 'h2' ? 'http2' : 'http1';
        this.#serve(socket, { scheme: 'https', protocol, verdict });
      });
    }
  }

  #serve(
    stream: Duplex,
    as: {
      scheme: RequestContext['scheme'];
      protocol: RequestContext['protocol'];
      verdict: Verdict;
    },
  ): void {
    const { scheme, protocol, verdict } = as;
    const context: RequestContext = {
      ...this.#to,
      scheme,
      protocol,
      connectionId: this.#id,
      authority: writeAuthority({ ...this.#to, scheme }),
      traffic: { sentBytes: 0, receivedBytes: 0 },
      wasRefused: !verdict.isAllowed,
    };
    this.#services.http.serve(stream, this.#stream, context);
    if (!verdict.isAllowed) return;
    this.#record.open(scheme, null);
    this.#stream.once('close', () => {
      this.#record.end(scheme, { ...context.traffic, error: this.#stream.errored });
    });
  }

  /**
   * Carries raw bytes both ways. If the server cannot be reached, connect() fails, or the connection is reset.
   *
   * @param mayBeLate  A guest that was silent may still turn out to speak TLS or HTTP.
   */
  async #raw(
    transport: 'tcp' | 'passthrough',
    head: Buffer | null = null,
    mayBeLate = false,
  ): Promise<void> {
    this.#unread = transport;
    const abort = new AbortController();
    const onClose = (): void => abort.abort();
    this.#stream.once('close', onClose);
    try {
      const { stream: upstream, address } = await this.#dialRaw(abort.signal);
      this.#stream.off('close', onClose);
      this.#address = address;
      const spoken = mayBeLate ? await firstToSpeak(this.#stream, upstream) : null;
      if (spoken !== null && isWeb(spoken)) {
        upstream.destroy();
        this.#unread = null;
        await this.#route(spoken);
        return;
      }
      this.#record.open(transport, this.#address);
      const ahead = spoken?.kind === 'ended' ? spoken.head : head;
      // Raw bytes may be the guest's own TLS: the advice must not be "use https".
      const place = { host: this.#to.name, port: this.#to.port, isTls: true };
      const { secrets } = this.#services.network.rules();
      const outbound = transport === 'tcp' ? (secrets?.createLeakScan('tcp', place) ?? null) : null;
      const end = await splice(this.#stream, upstream, { head: ahead, outbound });
      if (end.error instanceof LeakError) this.#record.refused('tcp', end.error.leak);
      this.#record.end(transport, end);
    } catch (error) {
      if (error instanceof AddressRefused) this.#block(transport, error.refusal);
      else if (!GondolinError.is(error)) throw error;
      else this.#unreachable(transport, error);
    }
  }

  /** Connects to the server: by its address, or inside this process. */
  async #dialRaw(signal: AbortSignal): Promise<{ stream: Duplex; address: string | null }> {
    const { network, dialer } = this.#services;
    const { name, isLiteral, port } = this.#to;
    const internal = isLiteral ? undefined : network.internalHosts.get(name);
    if (internal !== undefined) {
      const stream = await internal.connect(port, signal);
      if (signal.aborted) {
        stream.destroy();
        throw new GondolinError('NET_CLOSED', 'the guest closed the connection');
      }
      return { stream, address: null };
    }
    const socket = await dialer.dial(this.#to, { signal, allowHalfOpen: true });
    return { stream: socket, address: peerAddress(socket) };
  }

  /** Ends SSH here, and carries it with the host's credentials; see `ssh/`. */
  async #ssh(): Promise<void> {
    const { network, dialer } = this.#services;
    this.#unread = 'ssh';
    const abort = new AbortController();
    const onClose = (): void => abort.abort();
    this.#stream.once('close', onClose);
    try {
      const egress = await network.ssh?.();
      if (egress?.isFull !== false) {
        reset(this.#stream);
        return;
      }
      const socket = await dialer.dial(this.#to, { signal: abort.signal });
      this.#stream.off('close', onClose);
      this.#address = peerAddress(socket);
      await egress.serve(this.#stream, socket, { to: this.#to, record: this.#record });
    } catch (error) {
      if (error instanceof AddressRefused) this.#block('ssh', error.refusal);
      else if (!GondolinError.is(error)) throw error;
      else this.#unreachable('ssh', error);
    }
  }

  /** Resets the connection. @param refusal  Null to emit no event. */
  #block(transport: Transport, refusal: Blocked | null): void {
    reset(this.#stream);
    if (refusal !== null) this.#record.refused(transport, refusal);
  }
}
