import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseCidr } from '../../../src/address/cidr.ts';
import { parseAddress } from '../../../src/address/ip-address.ts';
import { FORBIDDEN_RANGES, forbiddenRange } from '../../../src/address/ranges.ts';

const rangeOf = (text: string) => {
  const address = parseAddress(text);
  if (address === null) throw new Error(`not an address: ${text}`);
  return forbiddenRange(address)?.name ?? null;
};

it.each([
  ['0.0.0.0', 'this-network'],
  ['0.255.255.255', 'this-network'],
  ['10.0.0.0', 'private'],
  ['10.255.255.255', 'private'],
  ['100.64.0.0', 'shared'],
  ['100.100.100.200', 'metadata'],
  ['100.127.255.255', 'shared'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.255', 'loopback'],
  ['168.63.129.16', 'metadata'],
  ['169.254.0.0', 'link-local'],
  ['169.254.169.254', 'metadata'],
  ['169.254.170.2', 'link-local'],
  ['172.16.0.0', 'private'],
  ['172.31.255.255', 'private'],
  ['192.0.0.1', 'ietf-protocol'],
  ['192.0.0.192', 'metadata'],
  ['192.0.2.1', 'documentation'],
  ['192.88.99.1', '6to4-relay'],
  ['192.168.0.0', 'private'],
  ['192.168.255.255', 'private'],
  ['198.18.0.0', 'benchmarking'],
  ['198.19.255.255', 'benchmarking'],
  ['198.51.100.9', 'documentation'],
  ['203.0.113.9', 'documentation'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['240.0.0.0', 'reserved'],
  ['255.255.255.254', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['::2', 'v4-compatible'],
  ['::127.0.0.1', 'v4-compatible'],
  ['::8.8.8.8', 'v4-compatible'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:169.254.169.254', 'metadata'],
  ['::ffff:0:127.0.0.1', 'reserved'],
  ['64:ff9b::127.0.0.1', 'loopback'],
  ['64:ff9b::10.0.0.1', 'private'],
  ['64:ff9b::169.254.169.254', 'metadata'],
  ['64:ff9b:0:0:0:1::', 'reserved'],
  ['64:ff9b:1::8.8.8.8', 'nat64-local'],
  ['64:ff9b:1:ffff::1', 'nat64-local'],
  ['100::1', 'discard'],
  ['100:0:0:1::1', 'dummy'],
  ['2001::1', 'teredo'],
  ['2001:0:ffff::1', 'teredo'],
  ['2001:2::1', 'benchmarking'],
  ['2001:10::1', 'orchid'],
  ['2001:2f::1', 'orchid'],
  ['2001:1ff::1', 'ietf-protocol'],
  ['2001:db8::1', 'documentation'],
  ['2002:7f00:1::', '6to4'],
  ['2002:808:808::', '6to4'],
  ['3fff::1', 'documentation'],
  ['3fff:fff::1', 'documentation'],
  ['4000::1', 'reserved'],
  ['5f00::1', 'segment-routing'],
  ['fc00::1', 'unique-local'],
  ['fdff::1', 'unique-local'],
  ['fd00:ec2::254', 'metadata'],
  ['fd20:ce::254', 'metadata'],
  ['fe80::1', 'link-local'],
  ['fec0::1', 'site-local'],
  ['feff::1', 'site-local'],
  ['ff02::1', 'multicast'],
  ['fe00::1', 'reserved'],
  ['1fff::1', 'reserved'],
])('forbiddenRange(%s) is %s', (text, want) => {
  expect(rangeOf(text)).toBe(want);
});

it.each([
  '1.0.0.0',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '168.63.129.17',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '191.255.255.255',
  '192.0.1.0',
  '192.0.3.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
  '2000::1',
  '2001:200::1',
  '2001:db7:ffff::1',
  '2001:db9::1',
  '2003::1',
  '2606:4700:4700::1111',
  '2a00::1',
  '3ffe::1',
  '3fff:1000::1',
])('forbiddenRange(%s) is null: it is public', (text) => {
  expect(rangeOf(text)).toBeNull();
});

it('FORBIDDEN_RANGES has only blocks that parse, each once', () => {
  const cidrs = FORBIDDEN_RANGES.map(({ cidr }) => cidr);
  expect(cidrs.filter((cidr) => parseCidr(cidr) === null)).toEqual([]);
  expect(new Set(cidrs).size).toBe(cidrs.length);
  expect(cidrs).toHaveLength(44);
});

it('forbiddenRange() names a range for all of IPv6 outside 2000::/3 but NAT64 and v4-mapped', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (value) => {
      const isExempt = value >> 32n === 0xffffn || value >> 32n === 0x64_ff9bn << 64n;
      if (value >> 125n !== 1n && !isExempt)
        expect(forbiddenRange({ family: 6, value })).not.toBeNull();
    }),
    { numRuns: 1_000 },
  );
});

it('forbiddenRange() judges an embedded IPv4 address exactly as the address itself', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), (number) => {
      const value = BigInt(number);
      const want = forbiddenRange({ family: 4, value });
      expect(forbiddenRange({ family: 6, value: (0xffffn << 32n) | value })).toEqual(want);
      expect(forbiddenRange({ family: 6, value: (0x64_ff9bn << 96n) | value })).toEqual(want);
    }),
    { numRuns: 1_000 },
  );
});
