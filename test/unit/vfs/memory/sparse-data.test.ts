import { expect, it } from 'vitest';
import { MemoryBudget } from '../../../../src/vfs/memory/memory-budget.ts';
import { SparseData } from '../../../../src/vfs/memory/sparse-data.ts';

const CHUNK = 65_536;
const FAR = 2 ** 52;

function sparse(maxBytes = 2 ** 30) {
  const budget = new MemoryBudget(maxBytes);
  return { budget, data: new SparseData(budget) };
}

it('find() passes over a hole of any size', () => {
  const { data } = sparse();
  data.write(Buffer.from('x'), FAR);
  expect(data.find(0, 'data')).toBe(FAR);
  expect(data.find(1, 'hole')).toBe(1);
  expect(data.find(FAR, 'hole')).toBe(FAR + 1);
  data.truncate(2 ** 53 - 1);
  expect(data.find(FAR, 'hole')).toBe(FAR + CHUNK);
  expect(data.find(FAR + CHUNK, 'data')).toBeNull();
});

it('find() gives the end of a run of chunks that were written in any order', () => {
  const { data } = sparse();
  for (const index of [9, 2, 4, 3, 1, 7, 8]) data.write(Buffer.from('x'), index * CHUNK);
  expect(data.find(0, 'data')).toBe(CHUNK);
  expect(data.find(CHUNK + 5, 'data')).toBe(CHUNK + 5);
  expect(data.find(CHUNK, 'hole')).toBe(5 * CHUNK);
  expect(data.find(5 * CHUNK, 'data')).toBe(7 * CHUNK);
  expect(data.find(7 * CHUNK, 'hole')).toBe(9 * CHUNK + 1);
});

it('punch() frees the chunks in its range, whatever lies around them', () => {
  const { budget, data } = sparse();
  for (let index = 0; index < 6; index++) data.write(Buffer.alloc(CHUNK, 1), index * CHUNK);
  data.punch(CHUNK + 10, 3 * CHUNK);
  expect(budget.usedBytes).toBe(4 * CHUNK);
  const target = Buffer.alloc(6 * CHUNK);
  data.read(target, 0);
  const wanted = Buffer.alloc(6 * CHUNK, 1).fill(0, CHUNK + 10, 4 * CHUNK + 10);
  expect(target.equals(wanted)).toBe(true);
  data.truncate(0);
  expect(budget.usedBytes).toBe(0);
});

it('write() beyond the budget writes nothing and keeps nothing: ENOSPC', () => {
  const { budget, data } = sparse(2 * CHUNK);
  data.write(Buffer.from('x'), 0);
  expect(() => data.write(Buffer.alloc(2 * CHUNK, 1), CHUNK)).toThrow('ENOSPC');
  expect([data.sizeBytes, budget.usedBytes]).toEqual([1, CHUNK]);
});

it('write() of nothing leaves the size, and one past the largest offset fails with EFBIG', () => {
  const { data } = sparse();
  data.write(Buffer.alloc(0), 100);
  expect(data.sizeBytes).toBe(0);
  expect(() => data.write(Buffer.from('xx'), 2 ** 53 - 2)).toThrow('EFBIG');
  expect(data.sizeBytes).toBe(0);
});
