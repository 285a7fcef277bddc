import { MAX_LIST_ITEMS } from './constants.ts';
import { guestProtocolError } from './guest-protocol-error.ts';

/**
 * Reads little-endian fields of untrusted bytes in order. Each read checks the remaining length first.
 * Every method throws {GondolinError} GUEST_PROTOCOL when the bytes are malformed.
 */
export class FieldReader {
  /** The message, for errors. */
  readonly subject: string;
  readonly #payload: Buffer;
  #offset = 0;

  constructor(subject: string, payload: Buffer) {
    this.subject = subject;
    this.#payload = payload;
  }

  /** Bytes that have not been read. */
  get left(): number {
    return this.#payload.length - this.#offset;
  }

  u8(): number {
    return this.#payload.readUInt8(this.#advance(1));
  }

  u16(): number {
    return this.#payload.readUInt16LE(this.#advance(2));
  }

  u32(): number {
    return this.#payload.readUInt32LE(this.#advance(4));
  }

  u64(): bigint {
    return this.#payload.readBigUInt64LE(this.#advance(8));
  }

  i64(): bigint {
    return this.#payload.readBigInt64LE(this.#advance(8));
  }

  /** Reads a length and bytes, a view of the payload. @param maxBytes  Limit of the field. @default the payload */
  bytes(maxBytes: number = this.#payload.length): Buffer {
    const length = this.u32();
    if (length > maxBytes) throw this.broken('a string within its limit', maxBytes, length);
    const start = this.#advance(length);
    return this.#payload.subarray(start, start + length);
  }

  /** Reads a length and UTF-8 text without NUL; invalid UTF-8 becomes U+FFFD. @param maxBytes  Limit of the field. */
  string(maxBytes?: number): string {
    const bytes = this.bytes(maxBytes);
    if (bytes.includes(0)) throw this.broken('a string without NUL');
    return bytes.toString('utf8');
  }

  /** Reads a count and strings. */
  list(): string[] {
    const count = this.u32();
    if (count > MAX_LIST_ITEMS) throw this.broken('a list within its limit', MAX_LIST_ITEMS, count);
    const items: string[] = [];
    // One by one, so that a false count ends at the payload's end instead of allocating much memory.
    for (let index = 0; index < count; index += 1) items.push(this.string());
    return items;
  }

  /** Returns the name of a number in a table of constants.ts, and refuses any other number. */
  choice<Name extends string>(table: Readonly<Record<Name, number>>, value: number): Name {
    for (const name in table) if (table[name] === value) return name;
    throw this.broken('a known value', undefined, value);
  }

  /** Returns all that is left, a view of the payload. */
  rest(): Buffer {
    return this.#payload.subarray(this.#advance(this.#payload.length - this.#offset));
  }

  /** Checks that nothing is left. */
  finish(): void {
    if (this.#offset === this.#payload.length) return;
    throw this.broken('no trailing bytes', this.#offset, this.#payload.length);
  }

  /** Returns the error for a rule that this message broke. */
  broken(rule: string, limit?: number, got?: number): Error {
    return guestProtocolError(rule, {
      subject: this.subject,
      ...(limit === undefined ? {} : { limit }),
      ...(got === undefined ? {} : { got }),
    });
  }

  #advance(length: number): number {
    const start = this.#offset;
    if (length > this.#payload.length - start) {
      throw this.broken('a whole message', this.#payload.length - start, length);
    }
    this.#offset += length;
    return start;
  }
}
