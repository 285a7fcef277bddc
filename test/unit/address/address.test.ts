import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { containsAddress, formatCidr, parseCidr } from '../../../src/address/cidr.ts';
import {
  formatAddress,
  isSameAddress,
  parseAddress,
  unwrapMapped,
} from '../../../src/address/ip-address.ts';
import { formatIpv4, parseIpv4, parseLooseIpv4 } from '../../../src/address/ipv4-text.ts';
import { formatIpv6, parseIpv6 } from '../../../src/address/ipv6-text.ts';

const format = (text: string) => {
  const address = parseAddress(text);
  return address === null ? null : formatAddress(address);
};

it.each([
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['192.0.2.7', '192.0.2.7'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:DB8::00A', '2001:db8::a'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['1:0:2:0:3:0:4:0', '1:0:2:0:3:0:4:0'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
  ['::ffff:127.0.0.1', '::ffff:127.0.0.1'],
  ['::ffff:7f00:1', '::ffff:127.0.0.1'],
  ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
  ['::1.2.3.4', '::102:304'],
])('parseAddress(%j) is %s in canonical form', (text, want) => {
  expect(format(text)).toBe(want);
});

it.each([
  '',
  '1.2.3',
  '1.2.3.4.5',
  '01.2.3.4',
  '1.2.3.256',
  '1.2.3.4 ',
  '0x7f.0.0.1',
  '1.2.3.-4',
  '1e1.0.0.1',
  '1.2.3.',
  '.1.2.3',
  '１.2.3.4',
  ':',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7:8::',
  '::1:2:3:4:5:6:7:8',
  '12345::',
  'g::',
  '::1%lo',
  '[::1]',
  '1.2.3.4::',
  '::1.2.3.4:5',
  '::01.2.3.4',
  '::ffff:1.2.3',
  ' ::1',
  `::${'0'.repeat(50)}`,
])('parseAddress(%j) is null', (text) => {
  expect(parseAddress(text)).toBeNull();
});

it('parseAddress() reads exactly what node:net takes for an address without a zone', () => {
  const piece = fc.constantFrom(
    '0',
    '1',
    '255',
    '256',
    '01',
    'ff',
    'FFFF',
    'g',
    '',
    ':',
    '.',
    '::',
    '127.0.0.1',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      expect(parseAddress(text)?.family ?? 0).toBe(isIP(text));
    }),
    { numRuns: 3_000 },
  );
});

it('parseIpv4(formatIpv4(x)) is x', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
      expect(parseIpv4(formatIpv4(value))).toBe(value);
    }),
  );
});

it('parseIpv6(formatIpv6(x)) is x, zero groups included', () => {
  const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const value = groups.reduce((sum, next) => (sum << 16n) | BigInt(next), 0n);
      expect(parseIpv6(formatIpv6(value))).toBe(value);
    }),
  );
});

it('formatAddress() spells IPv6 as the URL parser does, but for the dotted v4-mapped form', () => {
  const value = fc.bigInt({ min: 1n << 60n, max: (1n << 128n) - 1n });
  fc.assert(
    fc.property(value, (given) => {
      const text = formatAddress({ family: 6, value: given });
      expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
    }),
  );
});

it.each([
  ['127.1', '127.0.0.1'],
  ['127.0.1', '127.0.0.1'],
  ['2130706433', '127.0.0.1'],
  ['0x7f000001', '127.0.0.1'],
  ['0X7F.1', '127.0.0.1'],
  ['0177.0.0.1', '127.0.0.1'],
  ['0177.1', '127.0.0.1'],
  ['017700000001', '127.0.0.1'],
  ['0x', '0.0.0.0'],
  ['0', '0.0.0.0'],
  ['10.0x.0x.1', '10.0.0.1'],
  ['1.2.65535', '1.2.255.255'],
  ['1.16777215', '1.255.255.255'],
  ['4294967295', '255.255.255.255'],
])('parseLooseIpv4(%j) is %s, as inet_aton reads it', (text, want) => {
  expect(formatIpv4(parseLooseIpv4(text) ?? -1)).toBe(want);
});

it.each([
  '',
  '.',
  '1.',
  '1.2.3.4.5',
  '4294967296',
  '1.2.65536',
  '1.16777216',
  '256.1',
  '08',
  '0x1g',
  'a',
  '-1',
  '1 ',
])('parseLooseIpv4(%j) is null', (text) => {
  expect(parseLooseIpv4(text)).toBeNull();
});

it('parseLooseIpv4() agrees with the URL parser', () => {
  const number = fc.constantFrom(
    '0',
    '1',
    '127',
    '255',
    '256',
    '0177',
    '08',
    '0x7f',
    '0x',
    '65535',
    '65536',
    '4294967295',
  );
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 5 }), (parts) => {
      const text = parts.join('.');
      const value = parseLooseIpv4(text);
      expect(value === null ? null : formatIpv4(value)).toBe(
        URL.canParse(`http://${text}/`) ? new URL(`http://${text}/`).hostname : null,
      );
    }),
    { numRuns: 2_000 },
  );
});

it('unwrapMapped() gives the IPv4 address inside and leaves others alone', () => {
  const mapped = parseAddress('::ffff:10.0.0.1');
  const plain = parseAddress('10.0.0.1');
  expect(mapped && unwrapMapped(mapped)).toEqual(plain);
  expect(isSameAddress('::ffff:10.0.0.1', '10.0.0.1')).toBe(true);
  const other = parseAddress('::fffe:10.0.0.1');
  expect(other && unwrapMapped(other)).toEqual(other);
  expect(isSameAddress('::fffe:10.0.0.1', '10.0.0.1')).toBe(false);
});

it.each([
  ['10.0.0.0/8', '10.255.255.255', true],
  ['10.0.0.0/8', '11.0.0.0', false],
  ['0.0.0.0/0', '255.1.2.3', true],
  ['192.0.2.7', '192.0.2.7', true],
  ['192.0.2.7/32', '192.0.2.8', false],
  ['::/0', 'ffff::', true],
  ['::/0', '1.2.3.4', false],
  ['fe80::/10', 'febf::1', true],
  ['fe80::/10', 'fec0::1', false],
  ['2001:db8::/127', '2001:db8::1', true],
  ['2001:db8::/127', '2001:db8::2', false],
])('containsAddress(%s, %s) is %s', (block, text, want) => {
  const cidr = parseCidr(block);
  const address = parseAddress(text);
  expect(cidr && address && containsAddress(cidr, address)).toBe(want);
});

it.each([
  '',
  '/8',
  '10.0.0.1/8',
  '10.0.0.0/33',
  '10.0.0.0/',
  '10.0.0.0/08',
  '10.0.0.0/-1',
  '10/8',
  '::1/127',
  '::/129',
  '10.0.0.0/8/8',
])('parseCidr(%j) is null', (text) => {
  expect(parseCidr(text)).toBeNull();
});

it.each(['10.0.0.0/8', '192.0.2.1', 'fe80::/10', '::1'])('formatCidr() writes %s back', (text) => {
  const cidr = parseCidr(text);
  expect(cidr && formatCidr(cidr)).toBe(text);
});
