import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { ConnectionRecord } from './connection-record.ts';
import type { ConnectionServices } from './connection-services.ts';
import type { Destination } from './destination.ts';
import { isAskable } from './policy/is-askable.ts';
import { refusalIn } from './policy/judge-transports.ts';
import { LOST_PERMISSION, openRefusal } from './policy/open-refusal.ts';
import type { Verdict } from './policy/verdict.ts';
import type { Blocked } from './refusal/refusal.ts';
import { LeakError } from './secret/leak/leak-error.ts';
import { failConnection } from './tcp/connect-phase.ts';
import { AddressRefused } from './tcp/dial.ts';
import { firstToSpeak, isWeb } from './tcp/first-to-speak.ts';
import type { Peeked } from './tcp/peek.ts';
import { peerAddress } from './tcp/peer-address.ts';
import { reset, splice } from './tcp/splice.ts';
import type { Transport } from './transport.ts';

/**
 * A connection that is carried as a whole: raw bytes, the guest's own TLS, or SSH. It is judged when it opens, and again
 * when the policy changes.
 */
export class CarriedConnection {
  readonly #stream: Duplex;
  readonly #to: Destination;
  readonly #record: ConnectionRecord;
  readonly #services: ConnectionServices;
  /** The transport while the connection is carried; null before, and where it turns out to be HTTP. */
  #carried: 'tcp' | 'passthrough' | 'ssh' | null = null;
  /** The dialled address; null before, or where a proxy dials. */
  #address: string | null = null;
  /** The user has allowed raw bytes that no entry of the policy does. */
  #isGranted = false;

  constructor(
    stream: Duplex,
    to: Destination,
    record: ConnectionRecord,
    services: ConnectionServices,
  ) {
    this.#stream = stream;
    this.#to = to;
    this.#record = record;
    this.#services = services;
  }

  /** Resets the connection if it is carried and the policy no longer allows that. HTTP is judged request by request. */
  judgeAgain(): void {
    const transport = this.#carried;
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

  /** Carries raw bytes if the user allows it, and resets the connection otherwise. */
  async carryIfGranted(verdict: Verdict): Promise<void> {
    const { asker } = this.#services.network;
    const refusal = refusalIn(verdict);
    const { name: host, port } = this.#to;
    const question = { host, port, scheme: 'tcp', method: null, url: null } as const;
    if (asker !== null && refusal !== null && isAskable(refusal)) {
      this.#isGranted = await asker.ask(question);
      if (this.#stream.destroyed) return;
    }
    if (this.#isGranted) await this.carry('tcp');
    else this.block('tcp', refusal);
  }

  /**
   * Carries raw bytes both ways. If the server cannot be reached, connect() fails, or the connection is reset.
   *
   * @param mayBeLate  A guest that was silent may still turn out to speak TLS or HTTP.
   * @returns What the guest sent if that is the case; else null, when the connection has ended.
   */
  async carry(
    transport: 'tcp' | 'passthrough',
    head: Buffer | null = null,
    mayBeLate = false,
  ): Promise<Peeked | null> {
    this.#carried = transport;
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
        this.#carried = null;
        return spoken;
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
      if (error instanceof AddressRefused) this.block(transport, error.refusal);
      else if (!GondolinError.is(error)) throw error;
      else this.unreachable(transport, error);
    }
    return null;
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
  async carrySsh(): Promise<void> {
    const { network, dialer } = this.#services;
    this.#carried = 'ssh';
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
      if (error instanceof AddressRefused) this.block('ssh', error.refusal);
      else if (!GondolinError.is(error)) throw error;
      else this.unreachable('ssh', error);
    }
  }

  unreachable(transport: Transport, error: GondolinError): void {
    failConnection(this.#stream, error);
    this.#record.open(transport, null);
    this.#record.end(transport, { sentBytes: 0, receivedBytes: 0, error });
  }

  /** Resets the connection. @param refusal  Null to emit no event. */
  block(transport: Transport, refusal: Blocked | null): void {
    reset(this.#stream);
    if (refusal !== null) this.#record.refused(transport, refusal);
  }
}
