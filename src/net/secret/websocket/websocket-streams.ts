import { Transform, type TransformCallback } from 'node:stream';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import { LeakError } from '../leak/leak-error.ts';
import type { ToLeak } from '../leak/leak-scan-stream.ts';
import { LeakScanner } from '../leak/leak-scanner.ts';
import type { PlaceholderIndex } from '../leak/placeholder-index.ts';
import type { ScrubPatterns } from '../scrub/scrub-patterns.ts';
import { Scrubber, scrubWhole } from '../scrub/scrubber.ts';
import {
  encodeWebSocketFrame,
  type FrameHead,
  FrameParser,
  isControl,
} from './websocket-frames.ts';

const CONTINUATION = 0;
const CLOSE = 8;
const MAX_CONTROL_BYTES = 125;

/**
 * Fields of a WebSocket's opening request that must not go upstream when payloads are scanned: negotiated extensions
 * (compression) would hide them.
 */
export const WEBSOCKET_STRIPPED_HEADERS = ['sec-websocket-extensions'] as const;

/** Passes the frames of a guest's WebSocket on unchanged; fails with a {@link LeakError} on a placeholder in any payload. */
export class WebSocketLeakScanStream extends Transform {
  readonly #parser: FrameParser;
  readonly #toLeak: ToLeak;
  #found: string | null = null;
  #isControl = false;

  constructor(index: PlaceholderIndex, toLeak: ToLeak) {
    super({ highWaterMark: 64 * 1024 });
    this.#toLeak = toLeak;
    const messages = new LeakScanner(index);
    let control = new LeakScanner(index);
    this.#parser = new FrameParser({
      // Control frames may come between the fragments of a message, and are not fragmented.
      onHead: (head) => {
        if (isControl(head)) control = new LeakScanner(index);
        this.#isControl = isControl(head);
      },
      onPayload: (bytes) => {
        this.#found ??= (this.#isControl ? control : messages).scan(bytes);
      },
      onEnd: () => undefined,
    });
  }

  override _transform(chunk: Buffer, _: BufferEncoding, callback: TransformCallback): void {
    try {
      this.#parser.push(chunk);
    } catch (error) {
      callback(error as Error);
      return;
    }
    if (this.#found === null) callback(null, chunk);
    else callback(new LeakError(this.#toLeak(this.#found)));
  }
}

/**
 * Replaces secrets in what a server sends on a WebSocket by their placeholders. Messages stay whole; a long one may be
 * fragmented differently (continuation frames).
 */
export class WebSocketScrubStream extends Transform {
  readonly #patterns: ScrubPatterns;
  readonly #scrubber: Scrubber;
  readonly #parser: FrameParser;
  #control: Buffer[] = [];
  /** Opcode of the message whose next piece is to be sent, or continuation. */
  #opcode = CONTINUATION;
  #current: FrameHead | null = null;

  constructor(patterns: ScrubPatterns) {
    super({ highWaterMark: 64 * 1024 });
    this.#patterns = patterns;
    this.#scrubber = new Scrubber(patterns);
    this.#parser = new FrameParser({
      onHead: (head) => this.#start(head),
      onPayload: (bytes) => this.#payload(bytes),
      onEnd: (head) => (isControl(head) ? this.#endControl(head) : this.#endData(head)),
    });
  }

  override _transform(chunk: Buffer, _: BufferEncoding, callback: TransformCallback): void {
    try {
      this.#parser.push(chunk);
      callback();
    } catch (error) {
      callback(error as Error);
    }
  }

  #start(head: FrameHead): void {
    if (head.reserved !== 0 || head.mask !== null) {
      throw new GondolinError(
        'NET_WEBSOCKET_INVALID',
        'A server sent a WebSocket frame that is masked or uses an extension that was not negotiated',
      );
    }
    this.#current = head;
    if (!isControl(head) && head.opcode !== CONTINUATION) this.#opcode = head.opcode;
  }

  #payload(bytes: Buffer): void {
    if (this.#current !== null && isControl(this.#current)) {
      this.#control.push(bytes);
      return;
    }
    this.#send(this.#scrubber.push(bytes), false);
  }

  #endData({ isFinal }: FrameHead): void {
    if (isFinal) this.#send(this.#scrubber.end(), true);
  }

  #send(pieces: readonly Buffer[], isFinal: boolean): void {
    const payload = Buffer.concat(pieces);
    if (payload.length === 0 && !isFinal) return;
    this.push(encodeWebSocketFrame({ isFinal, opcode: this.#opcode }, payload));
    this.#opcode = CONTINUATION;
  }

  #endControl({ opcode }: FrameHead): void {
    const payload = Buffer.concat(this.#control);
    this.#control = [];
    const codeBytes = opcode === CLOSE ? 2 : 0;
    const text = scrubWhole(this.#patterns, payload.subarray(codeBytes));
    const scrubbed = Buffer.concat([payload.subarray(0, codeBytes), text]);
    this.push(
      encodeWebSocketFrame({ isFinal: true, opcode }, scrubbed.subarray(0, MAX_CONTROL_BYTES)),
    );
  }
}
