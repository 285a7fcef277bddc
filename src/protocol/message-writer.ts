import { GondolinError } from '../errors/gondolin-error.ts';
import { MESSAGE } from './constants.ts';

/** A name of {@link MESSAGE}. */
export type MessageType = keyof typeof MESSAGE;

/**
 * Builds one control message: the header, then fields in the order of the calls. Little-endian.
 * An integer that does not fit throws a RangeError, which is a bug in the caller.
 */
export class MessageWriter {
  readonly #type: MessageType;
  readonly #parts: Buffer[] = [];

  /** @param requestId  0..4294967295; 0 only for `HELLO` and `LOG`. */
  constructor(type: MessageType, requestId: number) {
    this.#type = type;
    this.u16(MESSAGE[type]).u16(0).u32(requestId);
  }

  u8(value: number): this {
    const bytes = Buffer.alloc(1);
    bytes.writeUInt8(value);
    return this.#add(bytes);
  }

  u16(value: number): this {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16LE(value);
    return this.#add(bytes);
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return this.#add(bytes);
  }

  u64(value: bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    return this.#add(bytes);
  }

  /** Writes a length and bytes, which may contain NUL. */
  bytes(value: Uint8Array): this {
    return this.u32(value.length).#add(Buffer.from(value.buffer, value.byteOffset, value.length));
  }

  /**
   * Writes a length and UTF-8 bytes.
   * @param field  Its name in docs/protocol.md, for the error: the text itself may be a credential.
   * @throws {GondolinError} PROTOCOL_TEXT_HAS_NUL when the text contains NUL, which no guest string can.
   */
  string(field: string, text: string): this {
    if (text.includes('\0')) {
      throw new GondolinError(
        'PROTOCOL_TEXT_HAS_NUL',
        `${this.#type} ${field}: the text must not contain NUL`,
        { details: { message: this.#type, field } },
      );
    }
    return this.bytes(Buffer.from(text, 'utf8'));
  }

  /** Writes a count and strings. @throws {GondolinError} PROTOCOL_TEXT_HAS_NUL */
  list(field: string, texts: readonly string[]): this {
    this.u32(texts.length);
    for (const text of texts) this.string(field, text);
    return this;
  }

  /** Writes bytes without a length. */
  raw(value: Buffer): this {
    return this.#add(value);
  }

  /** Returns the whole message, header included. */
  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #add(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }
}
