import fc from 'fast-check';
import { expect, it } from 'vitest';
import { orderByNeeds } from '../../../src/util/order-by-needs.ts';

const item = (name: string, ...needs: string[]) => ({ name, needs });
const names = (items: ReturnType<typeof item>[]) => {
  const result = orderByNeeds(items);
  return result.order?.map(({ name }) => name) ?? result.cycle;
};

it.each([
  ['keeps the given order without needs', [item('b'), item('a')], ['b', 'a']],
  ['puts a need first', [item('a', 'b'), item('b')], ['b', 'a']],
  ['ignores a need that names nothing', [item('a', 'ghost')], ['a']],
  ['takes the earliest of those ready', [item('a', 'c'), item('b'), item('c')], ['b', 'c', 'a']],
  ['is empty for nothing', [], []],
])('orderByNeeds() %s', (_name, given, want) => {
  expect(names(given)).toEqual(want);
});

it.each([
  ['itself', [item('a', 'a')], ['a', 'a']],
  ['two', [item('a', 'b'), item('b', 'a')], ['a', 'b', 'a']],
  ['a tail', [item('x', 'a'), item('a', 'b'), item('b', 'a')], ['a', 'b', 'a']],
])('orderByNeeds() names the cycle of %s', (_name, given, want) => {
  expect(orderByNeeds(given).order).toBeUndefined();
  expect(names(given)).toEqual(want);
});

it('orderByNeeds() puts each need before its item in any graph without cycles', () => {
  const graph = fc.array(fc.array(fc.nat(20), { maxLength: 4 }), { maxLength: 20 });
  fc.assert(
    fc.property(graph, (rows) => {
      const items = rows.map((row, i) =>
        item(`n${i}`, ...row.filter((n) => n < i).map((n) => `n${n}`)),
      );
      const order = names(items.toReversed()) ?? [];
      expect(order).toHaveLength(items.length);
      for (const { name, needs } of items) {
        for (const need of needs) expect(order.indexOf(need)).toBeLessThan(order.indexOf(name));
      }
    }),
  );
});
