import { expect, it } from 'vitest';
import { Budget, SharedBudget } from '../../../../src/vfs/bounds/budget.ts';

const shared = () => new SharedBudget({ perVm: 10, perProcess: 16, guaranteed: 4 });

it("a budget refuses what passes the VM's limit", () => {
  const budget = new Budget(shared());
  expect(budget.tryTake(10)).toBe(true);
  expect(budget.tryTake(1)).toBe(false);
  budget.give(1);
  expect(budget.tryTake(1)).toBe(true);
});

it("a budget refuses what passes the process's limit, except the part each VM is sure of", () => {
  const all = shared();
  const [first, second, third] = [new Budget(all), new Budget(all), new Budget(all)];
  expect(first.tryTake(10)).toBe(true);
  expect(second.tryTake(6)).toBe(true);
  expect(third.tryTake(5)).toBe(false);
  expect(third.tryTake(4)).toBe(true);
  expect(third.tryTake(1)).toBe(false);
  expect(all.used).toBe(20);
});

it('take() waits for room and serves takers in the order they came', async () => {
  const budget = new Budget(shared());
  await budget.take(10);
  const served: number[] = [];
  const takers = [8, 1].map((amount) => budget.take(amount).then(() => served.push(amount)));
  budget.give(2);
  expect(budget.tryTake(1)).toBe(false);
  expect(budget.waiters).toBe(2);
  budget.give(8);
  await Promise.all(takers);
  expect(served).toEqual([8, 1]);
  expect(budget.used).toBe(9);
});

it('what one VM gives back is there for another that waits', async () => {
  const all = shared();
  const [first, second] = [new Budget(all), new Budget(all)];
  await first.take(10);
  await second.take(6);
  const waiting = second.take(4);
  first.give(4);
  await waiting;
  expect([first.used, second.used, all.used]).toEqual([6, 10, 16]);
});

it('close() returns everything and rejects waiting and later takers', async () => {
  const all = shared();
  const budget = new Budget(all);
  await budget.take(10);
  const waiting = budget.take(5);
  budget.close();
  await expect(waiting).rejects.toMatchObject({ errno: 5 });
  await expect(budget.take(1)).rejects.toMatchObject({ errno: 5 });
  budget.give(10);
  expect([all.used, budget.tryTake(1)]).toEqual([0, false]);
});
