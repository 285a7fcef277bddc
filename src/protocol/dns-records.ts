import { DNS_HEADER_BYTES, DNS_MAX_MESSAGE_BYTES, DNS_MIN_MESSAGE_BYTES } from './constants.ts';
import { guestProtocolError } from './guest-protocol-error.ts';

/** One message on a DNS stream (docs/protocol.md, "Guest streams"). */
export interface DnsRecord {
  /** Tag of a query and of its response, 0..4294967295. */
  readonly tag: number;
  /** 12..4096 bytes. */
  readonly message: Buffer;
}

/**
 * Returns the bytes of one record.
 * @throws {RangeError} when the message is out of bounds, which is a bug in the caller.
 */
export function encodeDnsRecord({ tag, message }: DnsRecord): Buffer {
  if (message.length < DNS_MIN_MESSAGE_BYTES || message.length > DNS_MAX_MESSAGE_BYTES) {
    throw new RangeError(`a DNS message of ${message.length} bytes`);
  }
  const header = Buffer.alloc(DNS_HEADER_BYTES);
  header.writeUInt16LE(message.length, 0);
  header.writeUInt32LE(tag, 2);
  return Buffer.concat([header, message]);
}

/** Splits the untrusted bytes of a DNS stream into records, however they are chunked. Holds at most one record. */
export class DnsRecordDecoder {
  #pending: Buffer = Buffer.alloc(0);

  /**
   * Takes the next bytes and returns the records that they complete, each a copy.
   * @throws {GondolinError} GUEST_PROTOCOL when a length is out of bounds. Do not use the decoder after that.
   */
  push(chunk: Buffer): DnsRecord[] {
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const records: DnsRecord[] = [];
    for (;;) {
      const end = recordEnd(rest);
      if (end === null || end > rest.length) break;
      const message = Buffer.from(rest.subarray(DNS_HEADER_BYTES, end));
      records.push({ tag: rest.readUInt32LE(2), message });
      rest = rest.subarray(end);
    }
    // A copy: the chunk may be much larger than its rest.
    this.#pending = Buffer.from(rest);
    return records;
  }
}

/** Returns the end of the first record, or null when its length is not complete yet. */
function recordEnd(bytes: Buffer): number | null {
  if (bytes.length < DNS_HEADER_BYTES) return null;
  const length = bytes.readUInt16LE(0);
  if (length >= DNS_MIN_MESSAGE_BYTES && length <= DNS_MAX_MESSAGE_BYTES) {
    return DNS_HEADER_BYTES + length;
  }
  throw guestProtocolError(
    `a DNS message of ${DNS_MIN_MESSAGE_BYTES} to ${DNS_MAX_MESSAGE_BYTES} bytes`,
    { subject: 'DATA', limit: DNS_MAX_MESSAGE_BYTES, got: length },
  );
}
