import { MESSAGE, MESSAGE_HEADER_BYTES } from './constants.ts';
import { FieldReader } from './field-reader.ts';
import { guestProtocolError } from './guest-protocol-error.ts';
import type { MessageType } from './message-writer.ts';

const TYPES = new Map<number, MessageType>();
for (const type of Object.keys(MESSAGE) as MessageType[]) TYPES.set(MESSAGE[type], type);

/** Reads the fields of one untrusted control message, after its header. */
export class MessageReader extends FieldReader {
  readonly type: MessageType;
  /** 0..4294967295. */
  readonly requestId: number;

  /** @param payload  One `MESSAGE` frame's payload. @throws {GondolinError} GUEST_PROTOCOL for a malformed header. */
  constructor(payload: Buffer) {
    if (payload.length < MESSAGE_HEADER_BYTES) {
      throw guestProtocolError('a whole header', {
        subject: 'MESSAGE',
        limit: MESSAGE_HEADER_BYTES,
        got: payload.length,
      });
    }
    const number = payload.readUInt16LE(0);
    const type = TYPES.get(number);
    if (type === undefined)
      throw guestProtocolError('a known message type', { subject: 'MESSAGE', got: number });
    super(type, payload);
    this.type = type;
    this.u16();
    if (this.u16() !== 0) throw this.broken('reserved of 0');
    this.requestId = this.u32();
  }
}
