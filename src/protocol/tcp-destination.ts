import { TCP_DESTINATION_BYTES, TCP_FAMILY } from './constants.ts';
import { guestProtocolError } from './guest-protocol-error.ts';

/** Address that a guest program connects to. */
export interface TcpDestination {
  /** IPv4 as `192.0.2.1`, IPv6 as RFC 5952 writes it. */
  readonly address: string;
  /** 1..65535. */
  readonly port: number;
}

const V4_BYTES = 4;
const V6_BYTES = 16;
const ADDRESS_AT = 3;

/**
 * Decodes the untrusted bytes after the kind in the `OPEN` of a TCP stream (docs/protocol.md, "Guest streams").
 * @throws {GondolinError} GUEST_PROTOCOL when they are malformed.
 */
export function decodeTcpDestination(body: Buffer): TcpDestination {
  if (body.length !== TCP_DESTINATION_BYTES) {
    throw broken('a destination of its length', TCP_DESTINATION_BYTES, body.length);
  }
  const family = body.readUInt8(0);
  const port = body.readUInt16LE(1);
  if (port === 0) throw broken('a port of 1 to 65535');
  const address = body.subarray(ADDRESS_AT);
  if (family === TCP_FAMILY.V6) return { address: ipv6Text(address), port };
  if (family !== TCP_FAMILY.V4) throw broken('a known address family', undefined, family);
  if (address.subarray(V4_BYTES).some((byte) => byte !== 0)) throw broken('padding of 0');
  return { address: address.subarray(0, V4_BYTES).join('.'), port };
}

/** An address in the form of `address/ip-address.ts`. */
export interface ConnectAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/**
 * Returns the bytes after the kind in the `OPEN` of a CONNECT stream.
 * @param address  null: any address of the guest.
 * @param port  1..65535.
 */
export function encodeConnectDestination(address: ConnectAddress | null, port: number): Buffer {
  const body = Buffer.alloc(TCP_DESTINATION_BYTES);
  body.writeUInt8(address?.family ?? TCP_FAMILY.ANY, 0);
  body.writeUInt16LE(port, 1);
  if (address === null) return body;
  const digits = address.family === TCP_FAMILY.V4 ? 2 * V4_BYTES : 2 * V6_BYTES;
  body.write(address.value.toString(16).padStart(digits, '0'), ADDRESS_AT, 'hex');
  return body;
}

function broken(rule: string, limit?: number, got?: number): Error {
  return guestProtocolError(rule, {
    subject: 'OPEN',
    ...(limit === undefined ? {} : { limit }),
    ...(got === undefined ? {} : { got }),
  });
}

/** Formats by RFC 5952: no leading zeros, lower case, the longest run of zero groups (the first of equals, at least two) as `::`. */
function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index));
  const run = longestZeroRun(groups);
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (run.length < 2) return text(groups);
  return `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: index + 1 - length, length };
  }
  return best;
}
