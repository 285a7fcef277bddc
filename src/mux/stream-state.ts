import { INITIAL_WINDOW_BYTES, MAX_DATA_BYTES } from '../protocol/constants.ts';
import { guestProtocolError } from '../protocol/guest-protocol-error.ts';

/** Consumed bytes after which a `CREDIT` is sent: half a window, so that a busy sender never waits. */
export const GRANT_BYTES = INITIAL_WINDOW_BYTES / 2;

/**
 * `RESET`s of the guest's streams (refused, or ended by the host) that may be queued for a guest that does not read when it
 * opens one more. An honest guest cannot have that many streams.
 */
export const MAX_WAITING_RESETS = 1_024;

/** Largest stream id. The host's even ids end below it. */
export const MAX_STREAM_ID = 2 ** 32 - 1;

/** True for streams that the guest opened, whose ids are odd. */
export function isGuestOpened({ id }: { readonly id: number }): boolean {
  return id % 2 === 1;
}

/**
 * State and credit of one stream (docs/protocol.md, "Streams"). Pure: no I/O.
 *
 *   sending:    open --endSending()--> ended         receiving:    open --receiveEof()--> ended
 *   After both ends, or after reset() in any state, the stream has ended and nothing may be sent on it.
 */
export class StreamState {
  #sendCreditBytes = INITIAL_WINDOW_BYTES;
  #receiveWindowBytes = INITIAL_WINDOW_BYTES;
  #ungrantedBytes = 0;
  #isSending = true;
  #isReceiving = true;

  get hasEnded(): boolean {
    return !this.#isSending && !this.#isReceiving;
  }

  get isReceiving(): boolean {
    return this.#isReceiving;
  }

  /** Takes credit for the next `DATA`. @returns its length, 0..min(wanted, 65536); 0 means that it must wait for credit. */
  takeCredit(wantedBytes: number): number {
    const bytes = this.#isSending
      ? Math.min(wantedBytes, MAX_DATA_BYTES, this.#sendCreditBytes)
      : 0;
    this.#sendCreditBytes -= bytes;
    return bytes;
  }

  endSending(): void {
    this.#isSending = false;
  }

  /** Ends both directions. */
  reset(): void {
    this.#isSending = false;
    this.#isReceiving = false;
  }

  /**
   * Takes a `DATA` from the window.
   * @param bytes  Untrusted: its length.
   * @throws {GondolinError} GUEST_PROTOCOL after the guest's `EOF`, or beyond the credit it was granted.
   */
  receiveData(bytes: number): void {
    if (!this.#isReceiving) throw guestProtocolError('no DATA after EOF', { subject: 'DATA' });
    if (bytes > this.#receiveWindowBytes) {
      const limit = this.#receiveWindowBytes;
      throw guestProtocolError("DATA within the stream's credit", {
        subject: 'DATA',
        limit,
        got: bytes,
      });
    }
    this.#receiveWindowBytes -= bytes;
  }

  /** @throws {GondolinError} GUEST_PROTOCOL when the guest had sent its `EOF` before. */
  receiveEof(): void {
    if (!this.#isReceiving) throw guestProtocolError('one EOF', { subject: 'EOF' });
    this.#isReceiving = false;
  }

  /**
   * Adds a `CREDIT`.
   * @param bytes  Untrusted: its number.
   * @throws {GondolinError} GUEST_PROTOCOL when the window would exceed INITIAL_WINDOW_BYTES.
   */
  receiveCredit(bytes: number): void {
    const sum = this.#sendCreditBytes + bytes;
    if (sum > INITIAL_WINDOW_BYTES) {
      const rule = 'CREDIT for bytes that were sent';
      throw guestProtocolError(rule, { subject: 'CREDIT', limit: INITIAL_WINDOW_BYTES, got: sum });
    }
    this.#sendCreditBytes = sum;
  }

  /** Counts bytes that the reader took. @returns true when a `CREDIT` is due. */
  consume(bytes: number): boolean {
    this.#ungrantedBytes += bytes;
    return this.#isReceiving && this.#ungrantedBytes >= GRANT_BYTES;
  }

  /** Reopens the window by the consumed bytes. Call when the `CREDIT` is written. @returns its bytes; 0 when none is due. */
  takeGrant(): number {
    if (!this.#isReceiving) return 0;
    const bytes = this.#ungrantedBytes;
    this.#ungrantedBytes = 0;
    this.#receiveWindowBytes += bytes;
    return bytes;
  }
}
