import { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import { MAX_DATA_BYTES, RESET, STREAM_KIND } from '../protocol/constants.ts';
import { encodeFrame, encodeFrameHeader } from '../protocol/frame.ts';
import { guestProtocolError } from '../protocol/guest-protocol-error.ts';
import type { OutboxSource, OutFrame } from './outbox.ts';
import { ReceiveBuffer } from './receive-buffer.ts';
import { StreamState } from './stream-state.ts';

/** The services of its session that a stream uses. */
export interface StreamLink {
  /** The stream has, or may have, a frame to send. */
  ready(stream: MuxStream): void;
  /** Sends what is ready now. */
  flush(): void;
  /** The stream has a `CREDIT` to send. */
  grant(stream: MuxStream): void;
  /** The stream holds `bytes` more received bytes than before, or fewer when negative. */
  held(stream: MuxStream, bytes: number): void;
  /** The host accepts the connection of a TCP stream. */
  accept(stream: MuxStream): void;
  /** The stream has ended; with a reason, a `RESET` must be sent. */
  ended(stream: MuxStream, resetReason: number | null): void;
  /** The channel failed to write its bytes. */
  failed(error: Error): void;
}

type Done = (error?: Error | null) => void;

interface Outgoing {
  readonly chunk: Buffer;
  sentBytes: number;
  readonly done: Done;
}

const REASON_TEXT = new Map<number, string>([
  [RESET.CANCELLED, 'the guest cancelled it'],
  [RESET.PEER_CLOSED, 'the process in the guest closed its end'],
  [RESET.REFUSED, 'the guest refused it'],
  [RESET.TIMED_OUT, 'the server in the guest did not reply'],
  [RESET.HOST_UNREACHABLE, 'the guest does not have the address'],
  [RESET.NETWORK_UNREACHABLE, 'the guest does not have the address'],
]);

/** Outcome of a program's connect(), by the code of the error that its stream is destroyed with; others are refused. */
const CONNECT_REASON = new Map<string, number>([
  ['ETIMEDOUT', RESET.TIMED_OUT],
  ['EHOSTUNREACH', RESET.HOST_UNREACHABLE],
  ['ENETUNREACH', RESET.NETWORK_UNREACHABLE],
]);

function connectReason(error: Error | null): number {
  const code = error !== null && 'code' in error ? String(error.code) : '';
  return CONNECT_REASON.get(code) ?? RESET.CANCELLED;
}

/**
 * One byte stream to or from the guest: a Duplex whose halves end independently. A slow reader slows the guest's writer
 * down; a write calls back once the guest's credit has allowed all of it to be sent. `end()` sends `EOF`; `destroy()` before
 * both halves have ended sends `RESET`. Bytes that are unread when a `RESET` arrives are dropped.
 *
 * A TCP stream represents a connection of a guest program, whose connect() waits until the host reads, writes or calls
 * `accept()`. If the stream is destroyed before that, connect() fails: with ETIMEDOUT, EHOSTUNREACH or ENETUNREACH when that
 * is the error's code, else it is refused.
 *
 * A CONNECT stream represents a connection to a server in the guest: it emits `accept` once that is established, or ends with
 * MUX_STREAM_RESET, whose reason is the outcome. Do not write to it before.
 *
 * Errors: MUX_STREAM_RESET (details: streamId, reason) when the guest resets it; else the error that ended the session.
 */
export class MuxStream extends Duplex implements OutboxSource {
  /** Stream id on the wire, 1..4294967295; even: opened by the host. */
  readonly id: number;
  /** A value of STREAM_KIND. */
  readonly kind: number;
  readonly #link: StreamLink;
  readonly #state = new StreamState();
  readonly #received = new ReceiveBuffer();
  /** Bytes of `#received` that were reported to the link. */
  #reportedBytes = 0;
  #isReadWanted = false;
  #isAccepted: boolean;
  /** A CONNECT stream that the guest has not accepted. */
  #isConnecting: boolean;
  #outgoing: Outgoing | null = null;
  #ending: Done | null = null;

  /** @internal Made by MuxSession. */
  constructor(id: number, kind: number, link: StreamLink) {
    // Read ahead one block at most: credit must not be granted for bytes that the reader has not taken.
    super({ allowHalfOpen: true, readableHighWaterMark: 1, writableHighWaterMark: MAX_DATA_BYTES });
    this.id = id;
    this.kind = kind;
    this.#link = link;
    this.#isAccepted = kind !== STREAM_KIND.TCP;
    this.#isConnecting = kind === STREAM_KIND.CONNECT;
    // The guest can reset any stream at any time, which must never be an uncaught 'error' of the host process.
    this.on('error', () => undefined);
  }

  /** Received bytes that its reader has not taken. */
  get heldBytes(): number {
    return this.#received.bytes;
  }

  /** False while a program's connect() waits for the host. */
  get isAccepted(): boolean {
    return this.#isAccepted;
  }

  /** Lets the program's connect() succeed. Later calls do nothing. */
  accept(): void {
    if (this.#isAccepted || this.#state.hasEnded) return;
    this.#isAccepted = true;
    this.#link.accept(this);
  }

  override _read(): void {
    this.accept();
    this.#isReadWanted = true;
    this.#deliver();
    this.#reportHeld();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.accept();
    if (chunk.length === 0) {
      done();
      return;
    }
    this.#outgoing = { chunk, sentBytes: 0, done };
    this.#link.ready(this);
  }

  override _final(done: Done): void {
    this.accept();
    this.#ending = done;
    this.#link.ready(this);
    // At once: it may be destroyed next.
    this.#link.flush();
  }

  override _destroy(error: Error | null, done: Done): void {
    // Bytes written before a reset reach the guest before it, as far as its credit allows.
    if (this.#outgoing !== null) this.#link.flush();
    const unsent = this.#outgoing;
    this.#outgoing = null;
    this.#ending = null;
    this.#received.clear();
    this.#reportHeld();
    if (!this.#state.hasEnded) {
      this.#state.reset();
      this.#link.ended(this, this.#isAccepted ? RESET.CANCELLED : connectReason(error));
    }
    done(error);
    unsent?.done(
      error ?? new GondolinError('MUX_STREAM_RESET', `stream ${this.id} was closed during a write`),
    );
  }

  /** For `Outbox`: returns the next `DATA` or `EOF`. */
  nextFrame(): OutFrame | null {
    const outgoing = this.#outgoing;
    if (outgoing !== null) return this.#nextData(outgoing);
    const done = this.#ending;
    if (done === null) return null;
    this.#ending = null;
    this.#state.endSending();
    if (this.#state.hasEnded) this.#link.ended(this, null);
    done();
    return {
      header: encodeFrame({ type: 'EOF', streamId: this.id }),
      payload: null,
      onWritten: null,
    };
  }

  #nextData(outgoing: Outgoing): OutFrame | null {
    const start = outgoing.sentBytes;
    const length = this.#state.takeCredit(outgoing.chunk.length - start);
    if (length === 0) return null;
    const end = start + length;
    outgoing.sentBytes = end;
    return {
      header: encodeFrameHeader('DATA', this.id, length),
      payload: outgoing.chunk.subarray(start, end),
      onWritten: (error) => this.#onWritten(outgoing, end, error),
    };
  }

  /** Completes a write once the channel has released its bytes: the caller may reuse the buffer then. */
  #onWritten(outgoing: Outgoing, end: number, error: Error | null | undefined): void {
    if (this.#outgoing !== outgoing) return;
    if (error !== null && error !== undefined) {
      this.#link.failed(error);
    } else if (end === outgoing.chunk.length) {
      this.#outgoing = null;
      outgoing.done();
    }
  }

  /** For `Outbox`: returns the `CREDIT` that is due, as a whole frame. */
  nextGrant(): Buffer | null {
    const bytes = this.#state.takeGrant();
    return bytes === 0 ? null : encodeFrame({ type: 'CREDIT', streamId: this.id, bytes });
  }

  /** @internal Untrusted. @throws {GondolinError} GUEST_PROTOCOL on any stream but a CONNECT that waits for it. */
  receiveAccept(): void {
    if (!this.#isConnecting) {
      throw guestProtocolError('one ACCEPT, on a CONNECT stream', { subject: 'ACCEPT' });
    }
    this.#isConnecting = false;
    this.emit('accept');
  }

  #assertConnected(subject: 'DATA' | 'EOF' | 'CREDIT'): void {
    if (this.#isConnecting) throw guestProtocolError('ACCEPT first', { subject });
  }

  /** @internal Untrusted. @throws {GondolinError} GUEST_PROTOCOL after `EOF` or beyond the credit. */
  receiveData(payload: Buffer): void {
    this.#assertConnected('DATA');
    this.#state.receiveData(payload.length);
    this.#received.append(payload);
    this.#deliver();
    this.#reportHeld();
  }

  /** @internal Untrusted. @throws {GondolinError} GUEST_PROTOCOL for a second `EOF`. */
  receiveEof(): void {
    this.#assertConnected('EOF');
    this.#state.receiveEof();
    if (this.#state.hasEnded) this.#link.ended(this, null);
    this.#deliver();
  }

  /** @internal Untrusted. @throws {GondolinError} GUEST_PROTOCOL beyond the window. */
  receiveCredit(bytes: number): void {
    this.#assertConnected('CREDIT');
    this.#state.receiveCredit(bytes);
    if (this.#outgoing !== null) this.#link.ready(this);
  }

  /** @internal Untrusted. @throws {GondolinError} GUEST_PROTOCOL for a reason that only a CONNECT can have. */
  receiveReset(reason: number): void {
    if (reason > RESET.REFUSED && !this.#isConnecting) {
      const facts = { subject: 'RESET', limit: RESET.REFUSED, got: reason };
      throw guestProtocolError('a reason that the stream can have', facts);
    }
    const why = REASON_TEXT.get(reason) ?? 'the guest reset it';
    this.endWith(
      new GondolinError('MUX_STREAM_RESET', `stream ${this.id} ended early: ${why}`, {
        details: { streamId: this.id, reason },
      }),
    );
  }

  /** @internal Ends both directions without a frame to the guest. */
  endWith(error: Error): void {
    if (!this.#state.hasEnded) {
      this.#state.reset();
      this.#link.ended(this, null);
    }
    this.destroy(error);
  }

  #reportHeld(): void {
    const bytes = this.#received.bytes - this.#reportedBytes;
    this.#reportedBytes = this.#received.bytes;
    if (bytes !== 0) this.#link.held(this, bytes);
  }

  /** Pushes one block for each read requested: Node asks again once it has room. */
  #deliver(): void {
    if (!this.#isReadWanted || this.destroyed) return;
    const block = this.#received.take();
    if (block !== null) {
      this.#isReadWanted = false;
      // Consumed before it is pushed: a reader may destroy the stream while it handles the block.
      if (this.#state.consume(block.length)) this.#link.grant(this);
      this.push(block);
    } else if (!this.#state.isReceiving) {
      this.#isReadWanted = false;
      this.push(null);
    }
  }
}
