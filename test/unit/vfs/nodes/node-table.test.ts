import { expect, it } from 'vitest';
import { Budget, SharedBudget } from '../../../../src/vfs/bounds/budget.ts';
import { MemoryProvider } from '../../../../src/vfs/memory-provider.ts';
import { InodeNumbers } from '../../../../src/vfs/nodes/inode-numbers.ts';
import { type Mount, NodeTable, newHeldNode } from '../../../../src/vfs/nodes/node-table.ts';
import type { VfsNode } from '../../../../src/vfs/provider.ts';

function setUp(limit: number) {
  const shared = new SharedBudget({ perVm: limit, perProcess: limit + 1, guaranteed: 1 });
  const forgotten: VfsNode[] = [];
  const provider = new MemoryProvider();
  provider.forget = (node) => void forgotten.push(node);
  const root = {};
  const mount: Mount = {
    name: 'm',
    path: '/m',
    provider,
    root,
    index: 0,
    numbers: new InodeNumbers(),
  };
  return { shared, forgotten, mount, table: () => new NodeTable(new Budget(shared)) };
}

it('addLookup() above the limit throws ENFILE and lets the provider drop the node', () => {
  const { forgotten, mount, table } = setUp(2);
  const ids = table();
  const [first, second, third] = [{}, {}, {}];
  const held = ids.addLookup(mount, first);
  ids.addLookup(mount, second);
  expect(() => ids.addLookup(mount, third)).toThrowError(expect.objectContaining({ errno: 23 }));
  expect(forgotten).toEqual([third]);
  expect(ids.addLookup(mount, first)).toBe(held);
  ids.forget(held.id, 2n);
  expect(ids.addLookup(mount, third).lookups).toBe(1);
  expect(forgotten).toEqual([third, first]);
});

it('addLookup() above the limit never drops the root', () => {
  const { forgotten, mount, table } = setUp(1);
  const ids = table();
  ids.addLookup(mount, {});
  expect(() => ids.addLookup(mount, mount.root)).toThrowError(
    expect.objectContaining({ errno: 23 }),
  );
  expect(forgotten).toEqual([]);
});

it('nodes of all VMs count against the process, each VM is sure of some, and close() gives them back', () => {
  const { shared, mount, table } = setUp(3);
  const [first, second] = [table(), table()];
  for (let count = 0; count < 3; count++) first.addLookup(mount, {});
  second.addLookup(mount, {});
  expect(() => second.addLookup(mount, {})).toThrowError(expect.objectContaining({ errno: 23 }));
  first.close();
  expect(shared.used).toBe(1);
  second.addLookup(mount, {});
});

it('restore() takes nothing when the nodes are more than may be held', () => {
  const { shared, mount, table } = setUp(2);
  const nodes = [2, 3, 4].map((id) => newHeldNode(id, mount, {}, 1));
  const ids = table();
  expect(ids.restore(5, nodes)).toBe(false);
  expect([shared.used, [...ids.all()].length]).toEqual([0, 0]);
  expect(ids.restore(5, nodes.slice(0, 2))).toBe(true);
});
