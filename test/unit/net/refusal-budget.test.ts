import { expect, it } from 'vitest';
import { RefusalBudget } from '../../../src/net/refusal-budget.ts';

it('RefusalBudget gives a burst at once, then so many a second and never more than a burst', () => {
  let nowMs = 0;
  const budget = new RefusalBudget(() => nowMs);
  const take = (tries: number) =>
    Array.from({ length: tries }, () => budget.take()).filter(Boolean).length;
  expect(take(80)).toBe(50);
  nowMs += 1000;
  expect(take(80)).toBe(10);
  nowMs += 3_600_000;
  expect(take(80)).toBe(50);
});
