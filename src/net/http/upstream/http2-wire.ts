import { Duplex } from 'node:stream';

type Done = (error?: Error | null) => void;

const PREFACE_BYTES = 24;
const FRAME_HEADER_BYTES = 9;
const GOAWAY = 7;
/** The part of a GOAWAY that says why: last stream id and error code. */
const REASON_BYTES = 8;

/** Error codes of RFC 9113 §7 by their numbers. */
const ERROR_NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

/** Receives what happens to a session's connection, apart from its frames. */
export interface WireListener {
  /** The session has given up (the name of its error), or the connection has broken (null). */
  onBroken(reason: string | null): void;
  /** The server has ended the connection in order, and the session has all of its bytes. May come more than once. */
  onEnded(): void;
}

/**
 * The connection below a client's HTTP/2 session, with a watch on what the session writes. When a server breaks the
 * protocol, nghttp2 sends GOAWAY with an error and ignores everything from then on; Node reports neither that nor
 * the end of such a connection.
 */
export class Http2Wire extends Duplex {
  receivedBytes = 0;
  readonly #socket: Duplex;
  readonly #listener: WireListener;
  readonly #scan = new GoawayScan();
  #reason: string | null = null;
  #hasEnded = false;

  constructor(socket: Duplex, listener: WireListener) {
    super({
      readableHighWaterMark: socket.readableHighWaterMark,
      writableHighWaterMark: socket.writableHighWaterMark,
    });
    this.#socket = socket;
    this.#listener = listener;
    socket.on('data', (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
      if (!this.push(chunk)) socket.pause();
    });
    socket.pause();
    socket.once('end', () => {
      this.#hasEnded = true;
      if (this.#reason === null) this.#reportEnd();
      else listener.onBroken(this.#reason);
    });
    socket.once('close', () => {
      if (this.#hasEnded) return;
      this.destroy();
      listener.onBroken(this.#reason);
    });
    this.on('error', () => undefined);
  }

  override _read(): void {
    if (this.#hasEnded) this.#reportEnd();
    else this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (this.#hasEnded) {
      done();
      return;
    }
    this.#socket.write(chunk, done);
    const code = this.#scan.read(chunk);
    if (code === null || code === 0) return;
    const reason = ERROR_NAMES[code] ?? String(code);
    this.#reason = reason;
    // nghttp2 is in the middle of its writing.
    setImmediate(() => this.#listener.onBroken(reason));
  }

  override _final(done: Done): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#socket.destroy();
    done(error);
  }

  /** The session does not see the end: Node would discard what has not been read from its streams. */
  #reportEnd(): void {
    if (this.readableLength === 0) setImmediate(() => this.#listener.onEnded());
  }
}

/** Finds the error code of a GOAWAY in what a client writes, however it is cut. */
export class GoawayScan {
  #skipBytes = PREFACE_BYTES;
  #head: Buffer = Buffer.alloc(0);

  /** @returns The code of the last GOAWAY that ends its reason within these bytes, or null. */
  read(chunk: Buffer): number | null {
    let code: number | null = null;
    let at = 0;
    while (at < chunk.length) {
      const skipped = Math.min(this.#skipBytes, chunk.length - at);
      this.#skipBytes -= skipped;
      at += skipped;
      const isGoaway = this.#head[3] === GOAWAY;
      const wanted = FRAME_HEADER_BYTES + (isGoaway ? REASON_BYTES : 0) - this.#head.length;
      const taken = chunk.subarray(at, at + wanted);
      this.#head = Buffer.concat([this.#head, taken]);
      at += taken.length;
      if (this.#head.length < FRAME_HEADER_BYTES) break;
      const payloadBytes = this.#head.readUIntBE(0, 3);
      if (this.#head[3] !== GOAWAY) this.#skipBytes = payloadBytes;
      else if (this.#head.length < FRAME_HEADER_BYTES + REASON_BYTES) continue;
      else {
        code = this.#head.readUInt32BE(FRAME_HEADER_BYTES + 4);
        this.#skipBytes = Math.max(0, payloadBytes - REASON_BYTES);
      }
      this.#head = Buffer.alloc(0);
    }
    return code;
  }
}
