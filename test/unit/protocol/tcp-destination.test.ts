import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseAddress } from '../../../src/address/ip-address.ts';
import {
  decodeTcpDestination,
  encodeConnectDestination,
} from '../../../src/protocol/tcp-destination.ts';

const GUEST = expect.objectContaining({ code: 'GUEST_PROTOCOL' });

function body(family: number, port: number, address: Uint8Array): Buffer {
  const bytes = Buffer.alloc(3);
  bytes.writeUInt8(family, 0);
  bytes.writeUInt16LE(port, 1);
  return Buffer.concat([bytes, address]);
}

function v4(...address: readonly number[]): Uint8Array {
  return Uint8Array.from([...address, ...Array.from({ length: 12 }, () => 0)]);
}

function v6(...groups: readonly number[]): Uint8Array {
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

it('decodeTcpDestination() gives an IPv4 address and its port', () => {
  expect(decodeTcpDestination(body(4, 443, v4(192, 0, 2, 10)))).toEqual({
    address: '192.0.2.10',
    port: 443,
  });
  expect(decodeTcpDestination(body(4, 65_535, v4(0, 0, 0, 0))).address).toBe('0.0.0.0');
});

it.each([
  ['::', [0, 0, 0, 0, 0, 0, 0, 0]],
  ['::1', [0, 0, 0, 0, 0, 0, 0, 1]],
  ['fd00::', [0xfd00, 0, 0, 0, 0, 0, 0, 0]],
  ['2001:db8::1:0:0:1', [0x2001, 0xdb8, 0, 0, 1, 0, 0, 1]],
  ['2001:0:0:1::1', [0x2001, 0, 0, 1, 0, 0, 0, 1]],
  ['2001:db8:0:1:1:1:1:1', [0x2001, 0xdb8, 0, 1, 1, 1, 1, 1]],
  ['::ffff:a00:1', [0, 0, 0, 0, 0, 0xffff, 0xa00, 1]],
  ['fe80::abcd:ef01:2345:6789', [0xfe80, 0, 0, 0, 0xabcd, 0xef01, 0x2345, 0x6789]],
])('decodeTcpDestination() writes %s as RFC 5952 does', (text, groups) => {
  expect(decodeTcpDestination(body(6, 80, v6(...groups)))).toEqual({ address: text, port: 80 });
});

it('decodeTcpDestination() gives the address that came, in one form', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(0, 0, 0, 1, 0xff, 0xabcd, 0xffff), { minLength: 8, maxLength: 8 }),
      fc.integer({ min: 1, max: 65_535 }),
      (groups, port) => {
        const decoded = decodeTcpDestination(body(6, port, v6(...groups)));
        expect(decoded.port).toBe(port);
        expect(isIPv6(decoded.address)).toBe(true);
        const whole = groups.map((group) => group.toString(16)).join(':');
        // Node's own parser finds both texts to be one address.
        const normal = (address: string) => new SocketAddress({ address, family: 'ipv6' }).address;
        expect(normal(decoded.address)).toBe(normal(whole));
      },
    ),
  );
});

it.each<[string, Buffer]>([
  ['nothing', Buffer.alloc(0)],
  ['a byte too few', body(4, 1, v4(1, 2, 3, 4)).subarray(0, 18)],
  ['a byte too many', Buffer.concat([body(4, 1, v4(1, 2, 3, 4)), Buffer.of(0)])],
  ['family 0', body(0, 1, v4(1, 2, 3, 4))],
  ['family 5', body(5, 1, v4(1, 2, 3, 4))],
  ['port 0', body(4, 0, v4(1, 2, 3, 4))],
  [
    'bytes behind an IPv4 address',
    body(
      4,
      1,
      Uint8Array.from({ length: 16 }, () => 1),
    ),
  ],
])('decodeTcpDestination() throws GUEST_PROTOCOL for %s', (_name, bytes) => {
  expect(() => decodeTcpDestination(bytes)).toThrow(GUEST);
});

it('decodeTcpDestination() gives an address and a port or throws GUEST_PROTOCOL, for any bytes', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 17, maxLength: 21 }),
      fc.constantFrom(4, 6, 7),
      (bytes, family) => {
        bytes[0] = family;
        try {
          const { address, port } = decodeTcpDestination(Buffer.from(bytes));
          expect(isIPv4(address) || isIPv6(address)).toBe(true);
          expect(port).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toEqual(GUEST);
        }
      },
    ),
  );
});

it.each(['127.0.0.1', '10.0.2.15', '::1', 'fd00::15'])(
  'encodeConnectDestination() writes %s as a destination of that family',
  (address) => {
    const bytes = encodeConnectDestination(parseAddress(address), 8080);
    expect(decodeTcpDestination(bytes)).toEqual({ address, port: 8080 });
  },
);

it('encodeConnectDestination() writes any address as family 0', () => {
  expect(encodeConnectDestination(null, 8080)).toEqual(body(0, 8080, v4(0, 0, 0, 0)));
});
