import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import { CarriedConnection } from './carried-connection.ts';
import { ConnectionRecord } from './connection-record.ts';
import type { ConnectionServices } from './connection-services.ts';
import type { Destination } from './destination.ts';
import { serveDnsStream } from './dns/serve-dns-stream.ts';
import { writeAuthority } from './http/authority.ts';
import { terminateTls } from './http/guest/guest-tls.ts';
import type { RequestContext } from './http/request-context.ts';
import {
  DENIED_START_MS,
  DENIED_WEB_START_MS,
  IDLE_START_MS,
  OPEN_SERVER_FIRST_MS,
} from './limits.ts';
import {
  judgeConnection,
  judgeTransports,
  refusalIn,
  transportMeant,
  type Verdicts,
} from './policy/judge-transports.ts';
import { WEB_PORTS } from './policy/listed-pattern.ts';
import type { Verdict } from './policy/verdict.ts';
import { serverNameProblem } from './server-name.ts';
import type { ClientHello } from './tcp/client-hello.ts';
import { isConnecting } from './tcp/connect-phase.ts';
import { AddressRefused } from './tcp/dial.ts';
import { type Peeked, peek } from './tcp/peek.ts';
import { reset } from './tcp/splice.ts';

/** Failures that no errno of connect() describes: the response does. */
const ANSWERED_CODES: ReadonlySet<string> = new Set(['NET_NAME_UNRESOLVED', 'NET_PROXY_FAILED']);

/** One connection of a guest process: its protocol is detected, it is judged and served. */
export class GuestConnection {
  readonly #services: ConnectionServices;
  readonly #stream: Duplex;
  readonly #to: Destination;
  readonly #id: number;
  readonly #record: ConnectionRecord;
  /** Serves what is not HTTP. */
  readonly #carried: CarriedConnection;

  constructor(stream: Duplex, to: Destination, id: number, services: ConnectionServices) {
    this.#stream = stream;
    this.#to = to;
    this.#id = id;
    this.#services = services;
    this.#record = new ConnectionRecord(to, id, services.emit);
    this.#carried = new CarriedConnection(stream, to, this.#record, services);
  }

  /** Applies a policy that has changed. */
  judgeAgain(): void {
    this.#carried.judgeAgain();
  }

  /** Resolves once the connection has been handed over or has ended. */
  async run(): Promise<void> {
    if (this.#to.port === 53) {
      await this.#dns();
      return;
    }
    const { policy } = this.#services.network.rules();
    if (judgeConnection(policy, this.#to, 'ssh').isAllowed) {
      await this.#carried.carrySsh();
      return;
    }
    const verdicts = judgeTransports(policy, this.#to);
    const isHttpPossible = verdicts.https.isAllowed || verdicts.http.isAllowed;
    if (verdicts.tcp.isAllowed && !isHttpPossible) {
      await this.#carried.carry('tcp');
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
      await this.#carried.carryIfGranted(verdicts.tcp);
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
      this.#carried.unreachable(transportMeant(this.#to.port), error);
      return false;
    }
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
      const late = await this.#carried.carry('tcp', head, peeked.kind === 'silent');
      if (late !== null) await this.#route(late);
    } else {
      await this.#denyRaw(peeked, verdicts);
    }
  }

  async #denyRaw({ kind }: Peeked, verdicts: Verdicts): Promise<void> {
    if (kind === 'other') {
      await this.#carried.carryIfGranted(verdicts.tcp);
      return;
    }
    const isMute = kind === 'silent' || kind === 'ended';
    // A silent connection to a web port meant the web: the refusal must name the entry that would allow that.
    const meant = isMute ? transportMeant(this.#to.port) : 'tcp';
    const isHttpPossible = verdicts.http.isAllowed || verdicts.https.isAllowed;
    const isReported = !isMute || !isHttpPossible;
    this.#carried.block(meant, isReported ? refusalIn(verdicts[meant]) : null);
  }

  async #tls(hello: ClientHello, verdict: Verdict): Promise<void> {
    const { network, refusals, upstream } = this.#services;
    const { name, port } = this.#to;
    const isOpaque = verdict.isAllowed && network.rules().isPassthrough(name, port);
    const mismatch = serverNameProblem(hello, this.#to, isOpaque);
    if (mismatch !== null) {
      this.#carried.block('https', mismatch);
    } else if (isOpaque) {
      await this.#carried.carry('passthrough');
    } else if (!verdict.isAllowed && !refusals.take()) {
      this.#carried.block('https', verdict);
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
}
