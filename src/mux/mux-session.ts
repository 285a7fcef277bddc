import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import { MAX_HOST_PAYLOAD_BYTES, MAX_OPEN_STREAMS, RESET } from '../protocol/constants.ts';
import { encodeFrame, encodeFrameHeader, type Frame } from '../protocol/frame.ts';
import { FrameDecoder } from '../protocol/frame-decoder.ts';
import { guestProtocolError } from '../protocol/guest-protocol-error.ts';
import { MuxStream, type StreamLink } from './mux-stream.ts';
import { Outbox } from './outbox.ts';
import { MAX_STREAM_ID, MAX_WAITING_REFUSALS } from './stream-state.ts';

const NO_BODY = Buffer.alloc(0);

/**
 * Takes over a stream that the guest opened.
 * @param body  Untrusted: what followed the kind in the `OPEN`, 0..63 bytes.
 */
export type OpenHandler = (stream: MuxStream, body: Buffer) => void;

type StreamFrame = Exclude<Frame, { type: 'MESSAGE' | 'OPEN' }>;

/**
 * Control messages and flow-controlled streams over one channel to a guest (docs/protocol.md).
 *
 * Untrusted: the first broken rule ends the whole session with one GUEST_PROTOCOL. However it ends, every stream is
 * destroyed with the same error, the channel is destroyed, and `ended` resolves with that error; MUX_CLOSED says that
 * the channel closed or `close()` was called. The session owns the channel.
 */
export class MuxSession {
  /** Resolves with why the session ended. Never rejects. */
  readonly ended: Promise<GondolinError>;
  readonly #channel: Duplex;
  readonly #decoder = new FrameDecoder('guest');
  readonly #outbox: Outbox;
  readonly #streams = new Map<number, MuxStream>();
  /** Of `#streams`, those that the host opened. */
  #hostStreams = 0;
  readonly #openHandlers = new Map<number, OpenHandler>();
  readonly #link: StreamLink;
  #messageHandler: ((payload: Buffer) => void) | null = null;
  #resolveEnded: (error: GondolinError) => void = () => undefined;
  #endError: GondolinError | null = null;
  #nextHostId = 2;
  #lastGuestId = -1;
  #waitingRefusals = 0;

  /** @param channel  Carries nothing else and is not read by anyone else, from its first byte on. */
  constructor(channel: Duplex) {
    this.#channel = channel;
    this.#outbox = new Outbox(channel);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#link = {
      ready: (stream) => this.#outbox.ready(stream),
      flush: () => this.#outbox.flush(),
      grant: (stream) => this.#outbox.grant(stream),
      ended: (stream, resetReason) => this.#forget(stream, resetReason),
      failed: (error) => this.#onChannelEnd(error),
    };
    channel.on('error', (error) => this.#onChannelEnd(error));
    channel.once('end', () => this.#onChannelEnd(undefined));
    channel.once('close', () => this.#onChannelEnd(undefined));
  }

  /** Streams that are open now, of both sides, 0..2048. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /**
   * Starts reading the channel; each control message's payload goes to `handler`, which must check it. What the handler
   * throws ends the session. Call once.
   */
  onMessage(handler: (payload: Buffer) => void): void {
    this.#messageHandler = handler;
    this.#channel.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /**
   * Accepts streams of a kind that the guest opens; those of other kinds are refused. Call before the guest may open
   * one. What the handler throws ends the session: so must it be with a body that breaks the protocol.
   * @param kind  A value of STREAM_KIND.
   */
  onOpen(kind: number, handler: OpenHandler): void {
    this.#openHandlers.set(kind, handler);
  }

  /**
   * Opens a stream to the guest; it may be written to at once.
   * @param kind  A value of STREAM_KIND.
   * @throws {GondolinError} MUX_STREAM_LIMIT when 1,024 are open; the error that ended the session.
   */
  openStream(kind: number): MuxStream {
    if (this.#endError !== null) throw this.#endError;
    if (this.#hostStreams >= MAX_OPEN_STREAMS || this.#nextHostId > MAX_STREAM_ID) {
      throw new GondolinError(
        'MUX_STREAM_LIMIT',
        `open a stream: ${this.#hostStreams} are open, the limit`,
        {
          details: { openStreams: this.#hostStreams },
        },
      );
    }
    const stream = new MuxStream(this.#nextHostId, kind, this.#link);
    this.#nextHostId += 2;
    this.#streams.set(stream.id, stream);
    this.#hostStreams += 1;
    this.#outbox.control(encodeFrame({ type: 'OPEN', streamId: stream.id, kind, body: NO_BODY }));
    return stream;
  }

  /**
   * Queues a control message, in the order of the calls and after the `OPEN`s before it, ahead of all data.
   * @param payload  8..4194304 bytes; not changed afterwards.
   * @throws {GondolinError} MUX_MESSAGE_TOO_LARGE; the error that ended the session.
   */
  sendMessage(payload: Buffer): void {
    if (this.#endError !== null) throw this.#endError;
    if (payload.length > MAX_HOST_PAYLOAD_BYTES) {
      const message = `send a message: ${payload.length} bytes, the limit is ${MAX_HOST_PAYLOAD_BYTES}`;
      throw new GondolinError('MUX_MESSAGE_TOO_LARGE', message, {
        details: { bytes: payload.length, limit: MAX_HOST_PAYLOAD_BYTES },
      });
    }
    this.#outbox.control(Buffer.concat([encodeFrameHeader('MESSAGE', 0, payload.length), payload]));
  }

  /** As `sendMessage`; nothing is sent after it until `sendFirst`, but more of these. */
  sendLast(payload: Buffer): void {
    if (this.#endError !== null) throw this.#endError;
    this.#outbox.hold(Buffer.concat([encodeFrameHeader('MESSAGE', 0, payload.length), payload]));
  }

  /** Sends a control message ahead of all that waited since `sendLast`. */
  sendFirst(payload: Buffer): void {
    if (this.#endError !== null) throw this.#endError;
    this.#outbox.release(Buffer.concat([encodeFrameHeader('MESSAGE', 0, payload.length), payload]));
  }

  /** Ends the session from the host's side with MUX_CLOSED. May be called twice. */
  close(): void {
    this.fail(new GondolinError('MUX_CLOSED', "the host closed the VM's channel"));
  }

  /** Ends the session with an error. What is no GondolinError becomes MUX_HANDLER_FAILED. Later calls do nothing. */
  fail(reason: unknown): void {
    if (this.#endError !== null) return;
    const error = GondolinError.is(reason)
      ? reason
      : new GondolinError('MUX_HANDLER_FAILED', "handling a guest's message failed", {
          cause: reason,
        });
    this.#endError = error;
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

  #receive(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk);
      while (this.#endError === null) {
        const frame = this.#decoder.next();
        if (frame === null) return;
        this.#handle(frame);
      }
    } catch (error) {
      this.fail(error);
    }
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
        this.#handleOnStream(frame);
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
    }
  }

  /** Ids rise, so a former id needs no memory. Guest ids that were left out count as ended: that harms nobody. */
  #wasOpened(streamId: number): boolean {
    return streamId % 2 === 0 ? streamId < this.#nextHostId : streamId <= this.#lastGuestId;
  }

  #open({ streamId, kind, body }: Extract<Frame, { type: 'OPEN' }>): void {
    if (streamId % 2 === 0 || streamId <= this.#lastGuestId) {
      throw guestProtocolError('an odd, rising stream id', {
        subject: 'OPEN',
        limit: this.#lastGuestId,
        got: streamId,
      });
    }
    if (this.#streams.size - this.#hostStreams >= MAX_OPEN_STREAMS) {
      throw guestProtocolError('at most so many open streams', {
        subject: 'OPEN',
        limit: MAX_OPEN_STREAMS,
      });
    }
    this.#lastGuestId = streamId;
    const handler = this.#openHandlers.get(kind);
    if (handler === undefined) {
      this.#refuse(streamId);
      return;
    }
    const stream = new MuxStream(streamId, kind, this.#link);
    this.#streams.set(streamId, stream);
    handler(stream, body);
  }

  #refuse(streamId: number): void {
    if (this.#waitingRefusals >= MAX_WAITING_REFUSALS) {
      throw guestProtocolError('a guest that reads its refusals', {
        subject: 'OPEN',
        limit: MAX_WAITING_REFUSALS,
      });
    }
    this.#waitingRefusals += 1;
    this.#outbox.control(encodeFrame({ type: 'RESET', streamId, reason: RESET.REFUSED }), () => {
      this.#waitingRefusals -= 1;
    });
  }

  #forget(stream: MuxStream, resetReason: number | null): void {
    if (this.#streams.delete(stream.id) && stream.id % 2 === 0) this.#hostStreams -= 1;
    this.#outbox.remove(stream);
    if (resetReason === null || this.#endError !== null) return;
    this.#outbox.control(encodeFrame({ type: 'RESET', streamId: stream.id, reason: resetReason }));
  }
}
