import fc from 'fast-check';
import { expect, it } from 'vitest';
import { containsAddress, parseCidr } from '../../../../src/address/cidr.ts';
import { parseAddress } from '../../../../src/address/ip-address.ts';
import { forbiddenRange } from '../../../../src/address/ranges.ts';
import {
  SYNTHETIC_V4,
  SYNTHETIC_V6,
  SyntheticAddresses,
} from '../../../../src/net/dns/synthetic-addresses.ts';

const isIn = (cidr: string, text: string) => {
  const block = parseCidr(cidr);
  const address = parseAddress(text);
  return block !== null && address !== null && containsAddress(block, address);
};

it('addressesFor() gives addresses of the two pools that lead back to the name', () => {
  const label = fc.stringMatching(/^[a-z0-9_]{1,20}$/);
  fc.assert(
    fc.property(fc.uniqueArray(label, { maxLength: 50 }), (labels) => {
      const pool = new SyntheticAddresses();
      const pairs = labels.map((name) => ({ name, ...pool.addressesFor(name) }));
      expect(new Set(pairs.map(({ v4 }) => v4)).size).toBe(labels.length);
      for (const { name, v4, v6 } of pairs) {
        expect(isIn(SYNTHETIC_V4, v4) && isIn(SYNTHETIC_V6, v6)).toBe(true);
        expect(v4).not.toMatch(/\.(0|255)$/);
        expect([pool.findName(v4), pool.findName(v6), pool.findName(`::ffff:${v4}`)]).toEqual([
          name,
          name,
          name,
        ]);
        expect(pool.addressesFor(name)).toEqual({ v4, v6 });
      }
    }),
  );
});

it('a name has the same address in another pool, asked for in another order', () => {
  const first = new SyntheticAddresses();
  const second = new SyntheticAddresses();
  const names = ['api.example.com', 'db.internal', 'a.test', 'b.test'];
  const before = names.map((name) => first.addressesFor(name));
  const after = names.toReversed().map((name) => second.addressesFor(name));
  expect(after.toReversed()).toEqual(before);
  // The very numbers are part of the contract: a guest restored from a snapshot remembers them.
  expect(before[0]).toEqual({ v4: '198.19.15.87', v6: 'fd67:6f6e:646f::c613:f57' });
});

it('names carried into a new pool keep every address, collisions included', () => {
  const old = new SyntheticAddresses();
  const names = Array.from({ length: 5_000 }, (_, index) => `n${index}.test`);
  const before = names.map((name) => old.addressesFor(name).v4);
  const restored = new SyntheticAddresses({ names: old.names });
  expect(before.map((address) => restored.findName(address))).toEqual(names);
});

it('the pool is bounded: the name not used for longest gives up its place', () => {
  const pool = new SyntheticAddresses({ capacity: 3, names: ['a', 'b', 'c'] });
  const a = pool.addressesFor('a');
  const b = pool.addressesFor('b').v4;
  expect(pool.findName(a.v6)).toBe('a');
  pool.addressesFor('d');
  expect(pool.names).toEqual(['b', 'a', 'd']);
  pool.addressesFor('e');
  expect(pool.names).toEqual(['a', 'd', 'e']);
  expect(pool.findName(b)).toBeNull();
  expect(pool.owns(b)).toBe(true);
});

it.each([0, -1, 1])('capacity %i keeps one name', (capacity) => {
  const pool = new SyntheticAddresses({ capacity, names: ['a', 'b'] });
  expect(pool.names).toEqual(['b']);
});

it('40,000 names fill the pool to 32,768 and no further', () => {
  const pool = new SyntheticAddresses({ capacity: 1_000_000 });
  for (let index = 0; index < 40_000; index++) pool.addressesFor(`n${index}`);
  expect(pool.names).toHaveLength(32_768);
  expect(pool.names[0]).toBe('n7232');
  const last = pool.addressesFor('n39999').v4;
  expect(pool.findName(last)).toBe('n39999');
});

it.each([
  ['198.18.0.0', true],
  ['198.18.0.1', true],
  ['198.19.255.255', true],
  ['198.17.255.255', false],
  ['198.20.0.0', false],
  ['::ffff:198.18.0.1', true],
  ['fd67:6f6e:646f::', true],
  ['fd67:6f6e:646f::1', true],
  ['fd67:6f6e:646f::c612:1', true],
  ['fd67:6f6e:646f::1:c612:1', true],
  ['fd67:6f6e:646f:0:ffff:ffff:ffff:ffff', true],
  ['fd67:6f6e:646f:1::', false],
  ['fd67:6f6e:646e::c612:1', false],
  ['8.8.8.8', false],
  ['::1', false],
  ['', false],
  ['198.18.1', false],
  ['not an address', false],
])('owns(%j) is %s, and it stands for no name', (address, want) => {
  const pool = new SyntheticAddresses();
  expect(pool.owns(address)).toBe(want);
  expect(pool.findName(address)).toBeNull();
});

it('the pools lie in forbidden ranges: dialling one by mistake is refused', () => {
  for (const text of ['198.18.0.1', '198.19.255.254', 'fd67:6f6e:646f::1']) {
    const address = parseAddress(text);
    expect(address && forbiddenRange(address)?.name).toMatch(/benchmarking|unique-local/);
  }
});
