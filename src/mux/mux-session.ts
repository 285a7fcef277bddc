import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import { MAX_HOST_PAYLOAD_BYTES, MAX_OPEN_STREAMS, RESET } from '../protocol/constants.ts';
import { encodeFrame, encodeFrameHeader, type Frame } from '../protocol/frame.ts';
import { guestProtocolError } from '../protocol/guest-protocol-error.ts';
import { FrameReader } from './frame-reader.ts';
import { MuxStream, type StreamLink } from './mux-stream.ts';
import { Outbox } from './outbox.ts';
import { PROCESS_RECEIVE_BUDGET, type ReceiveBudget } from './receive-budget.ts';
import { isGuestOpened, MAX_STREAM_ID, MAX_WAITING_RESETS } from './stream-state.ts';

const NO_BODY = Buffer.alloc(0);

/**
 * Takes over a stream that the guest opened.
 * @param body  Untrusted: the bytes after the kind in the `OPEN`, 0..63 of them.
 */
export type OpenHandler = (stream: MuxStream, body: Buffer) => void;

type StreamFrame = Exclude<Frame, { type: 'MESSAGE' | 'OPEN' }>;

/**
 * Control messages and flow-controlled streams over one channel to a guest (docs/protocol.md).
 *
 * Untrusted: the first broken rule ends the whole session with one GUEST_PROTOCOL. However it ends, every stream is
 * destroyed with the same error, the channel is destroyed, and `ended` resolves with that error: MUX_CLOSED when
 * the channel closed or `close()` was called. The session owns the channel.
 */
export class MuxSession {
  /** Resolves with the error that ended the session. Never rejects. */
  readonly ended: Promise<GondolinError>;
  readonly #channel: Duplex;
  readonly #reader: FrameReader;
  readonly #outbox: Outbox;
  readonly #streams = new Map<number, MuxStream>();
  /** Number of `#streams` that the host opened. */
  #hostStreams = 0;
  readonly #openHandlers = new Map<number, OpenHandler>();
  readonly #link: StreamLink;
  #messageHandler: ((payload: Buffer) => void) | null = null;
  #resolveEnded: (error: GondolinError) => void = () => undefined;
  #endError: GondolinError | null = null;
  #nextHostId = 2;
  #lastGuestId = -1;
  /** `RESET`s of the guest's streams that are still queued. */
  #waitingResets = 0;

  /**
   * @param channel  Used by this session alone, from its first byte.
   * @param budget  Bounds the unread bytes of the guest's streams. @default the one of this process
   */
  constructor(channel: Duplex, budget: ReceiveBudget = PROCESS_RECEIVE_BUDGET) {
    this.#channel = channel;
    this.#reader = new FrameReader(channel, {
      handle: (frame) => this.#handle(frame),
      fail: (error) => this.fail(error),
    });
    const member = { shed: () => this.#shed() };
    this.#outbox = new Outbox(channel);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#link = {
      ready: (stream) => this.#outbox.ready(stream),
      flush: () => this.#outbox.flush(),
      grant: (stream) => this.#outbox.grant(stream),
      held: (stream, bytes) => {
        // Bytes on a stream that the host opened are the opener's to read.
        if (isGuestOpened(stream)) budget.add(member, bytes);
      },
      accept: ({ id }) => this.#outbox.control(encodeFrame({ type: 'ACCEPT', streamId: id })),
      ended: (stream, resetReason) => this.#forget(stream, resetReason),
      failed: (error) => this.#onChannelEnd(error),
    };
    channel.on('error', (error) => this.#onChannelEnd(error));
    channel.once('end', () => this.#onChannelEnd(undefined));
    channel.once('close', () => this.#onChannelEnd(undefined));
  }

  /** Number of open streams, of both sides, 0..2048. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /**
   * Starts reading the channel and gives each control message's payload to `handler`, which must check it. An error from
   * the handler ends the session. Call once.
   */
  onMessage(handler: (payload: Buffer) => void): void {
    this.#messageHandler = handler;
    this.#reader.start();
  }

  /**
   * Accepts streams of a kind that the guest opens; streams of other kinds are refused. Call before the guest may open
   * one. An error from the handler ends the session: it must throw one for a body that breaks the protocol.
   * @param kind  A value of STREAM_KIND.
   */
  onOpen(kind: number, handler: OpenHandler): void {
    this.#openHandlers.set(kind, handler);
  }

  /**
   * Opens a stream to the guest, which may be written to at once.
   * @param kind  A value of STREAM_KIND.
   * @param body  The bytes that the kind defines, at most 63.
   * @throws {GondolinError} MUX_STREAM_LIMIT when 1,024 are open; the error that ended the session.
   */
  openStream(kind: number, body: Buffer = NO_BODY): MuxStream {
    if (this.#endError !== null) throw this.#endError;
    if (this.#hostStreams >= MAX_OPEN_STREAMS || this.#nextHostId > MAX_STREAM_ID) {
      const message = `Cannot open a stream: ${this.#hostStreams} are open, the limit`;
      throw new GondolinError('MUX_STREAM_LIMIT', message, {
        details: { openStreams: this.#hostStreams },
      });
    }
    const stream = new MuxStream(this.#nextHostId, kind, this.#link);
    this.#nextHostId += 2;
    this.#streams.set(stream.id, stream);
    this.#hostStreams += 1;
    this.#outbox.control(encodeFrame({ type: 'OPEN', streamId: stream.id, kind, body }));
    return stream;
  }

  /**
   * Queues a control message after the earlier messages and `OPEN`s, ahead of all data.
   * @param payload  8..4194304 bytes. The caller must not change it afterwards.
   * @throws {GondolinError} MUX_MESSAGE_TOO_LARGE; the error that ended the session.
   */
  sendMessage(payload: Buffer): void {
    if (this.#endError !== null) throw this.#endError;
    if (payload.length > MAX_HOST_PAYLOAD_BYTES) {
      const message = `Cannot send a message of ${payload.length} bytes: the limit is ${MAX_HOST_PAYLOAD_BYTES}`;
      throw new GondolinError('MUX_MESSAGE_TOO_LARGE', message, {
        details: { bytes: payload.length, limit: MAX_HOST_PAYLOAD_BYTES },
      });
    }
    this.#outbox.control(Buffer.concat([encodeFrameHeader('MESSAGE', 0, payload.length), payload]));
  }

  /** Sends the frames that `work` queues before it returns together: the guest wakes once, and reads them at once. */
  sendTogether<T>(work: () => T): T {
    return this.#outbox.gather(work);
  }

  /** Sends a control message and holds back everything after it, except more of these, until `uncorkAndSend`. */
  sendThenCork(payload: Buffer): void {
    if (this.#endError !== null) throw this.#endError;
    this.#outbox.cork(Buffer.concat([encodeFrameHeader('MESSAGE', 0, payload.length), payload]));
  }

  /** Sends a control message ahead of everything held back since `sendThenCork`. */
  uncorkAndSend(payload: Buffer): void {
    if (this.#endError !== null) throw this.#endError;
    this.#outbox.uncork(Buffer.concat([encodeFrameHeader('MESSAGE', 0, payload.length), payload]));
  }

  /** Ends the session from the host's side with MUX_CLOSED. May be called twice. */
  close(): void {
    this.fail(new GondolinError('MUX_CLOSED', "the host closed the VM's channel"));
  }

  /** Ends the session. A `reason` that is not a GondolinError becomes MUX_HANDLER_FAILED. Later calls do nothing. */
  fail(reason: unknown): void {
    if (this.#endError !== null) return;
    const error = GondolinError.is(reason)
      ? reason
      : new GondolinError('MUX_HANDLER_FAILED', "Handling a guest's message failed", {
          cause: reason,
        });
    this.#endError = error;
    this.#reader.stop();
    this.#outbox.close();
    for (const stream of [...this.#streams.values()]) stream.endWith(error);
    this.#channel.destroy();
    this.#resolveEnded(error);
  }

  #onChannelEnd(cause: Error | undefined): void {
    this.fail(
      new GondolinError(
        'MUX_CLOSED',
        "the VM's channel closed",
        cause === undefined ? {} : { cause },
      ),
    );
  }

  #handle(frame: Frame): void {
    switch (frame.type) {
      case 'MESSAGE':
        this.#messageHandler?.(frame.payload);
        break;
      case 'OPEN':
        this.#open(frame);
        break;
      case 'DATA':
      case 'EOF':
      case 'RESET':
      case 'CREDIT':
      case 'ACCEPT':
        this.#handleOnStream(frame);
        break;
    }
  }

  #handleOnStream(frame: StreamFrame): void {
    const stream = this.#streams.get(frame.streamId);
    if (stream === undefined) {
      if (this.#wasOpened(frame.streamId)) return;
      throw guestProtocolError('the id of a stream that was opened', {
        subject: frame.type,
        got: frame.streamId,
      });
    }
    switch (frame.type) {
      case 'DATA':
        stream.receiveData(frame.payload);
        break;
      case 'EOF':
        stream.receiveEof();
        break;
      case 'RESET':
        stream.receiveReset(frame.reason);
        break;
      case 'CREDIT':
        stream.receiveCredit(frame.bytes);
        break;
      case 'ACCEPT':
        stream.receiveAccept();
        break;
    }
  }

  /** Ids rise, so ended ids need no memory. Ids that the guest skipped count as ended, which is harmless. */
  #wasOpened(streamId: number): boolean {
    return streamId % 2 === 0 ? streamId < this.#nextHostId : streamId <= this.#lastGuestId;
  }

  #open({ streamId, kind, body }: Extract<Frame, { type: 'OPEN' }>): void {
    this.#checkOpen(streamId);
    this.#lastGuestId = streamId;
    const handler = this.#openHandlers.get(kind);
    if (handler === undefined) {
      this.#resetGuestStream(streamId, RESET.REFUSED);
      return;
    }
    const stream = new MuxStream(streamId, kind, this.#link);
    this.#streams.set(streamId, stream);
    handler(stream, body);
  }

  /** @throws {GondolinError} GUEST_PROTOCOL */
  #checkOpen(streamId: number): void {
    if (streamId % 2 === 0 || streamId <= this.#lastGuestId) {
      throw guestProtocolError('an odd, rising stream id', {
        subject: 'OPEN',
        limit: this.#lastGuestId,
        got: streamId,
      });
    }
    if (this.#streams.size - this.#hostStreams >= MAX_OPEN_STREAMS) {
      throw guestProtocolError('no more open streams than the limit', {
        subject: 'OPEN',
        limit: MAX_OPEN_STREAMS,
      });
    }
    if (this.#waitingResets >= MAX_WAITING_RESETS) {
      throw guestProtocolError('a guest that reads the resets of its streams', {
        subject: 'OPEN',
        limit: MAX_WAITING_RESETS,
      });
    }
  }

  /** Queues a `RESET`. Their number is checked at the `OPEN` that precedes each. */
  #resetGuestStream(streamId: number, reason: number): void {
    this.#waitingResets += 1;
    this.#outbox.control(encodeFrame({ type: 'RESET', streamId, reason }), () => {
      this.#waitingResets -= 1;
    });
  }

  #forget(stream: MuxStream, resetReason: number | null): void {
    if (this.#streams.delete(stream.id) && !isGuestOpened(stream)) this.#hostStreams -= 1;
    this.#outbox.remove(stream);
    if (resetReason === null || this.#endError !== null) return;
    if (isGuestOpened(stream)) this.#resetGuestStream(stream.id, resetReason);
    else
      this.#outbox.control(
        encodeFrame({ type: 'RESET', streamId: stream.id, reason: resetReason }),
      );
  }

  /** Resets the guest's stream with the most unread bytes. */
  #shed(): void {
    const streams = [...this.#streams.values()].filter(isGuestOpened);
    const largest = streams.toSorted((a, b) => b.heldBytes - a.heldBytes)[0];
    largest?.destroy(
      new GondolinError('MUX_STREAM_RESET', `stream ${largest.id} held too many unread bytes`, {
        details: { streamId: largest.id, reason: RESET.CANCELLED },
      }),
    );
  }
}
