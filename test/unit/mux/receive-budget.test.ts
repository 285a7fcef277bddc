import { expect, it } from 'vitest';
import { type BudgetMember, ReceiveBudget } from '../../../src/mux/receive-budget.ts';

/** A member that drops all it holds. */
function member(budget: ReceiveBudget) {
  let held = 0;
  const self: BudgetMember & { take(bytes: number): void; readonly held: number } = {
    get held() {
      return held;
    },
    take(bytes) {
      held += bytes;
      budget.add(self, bytes);
    },
    shed() {
      budget.add(self, -held);
      held = 0;
    },
  };
  return self;
}

it('add() lets a member above its own limit shed, and no other', () => {
  const budget = new ReceiveBudget(100, 1000);
  const [modest, greedy] = [member(budget), member(budget)];
  modest.take(90);
  greedy.take(100);
  expect([modest.held, greedy.held]).toEqual([90, 100]);
  greedy.take(1);
  expect([modest.held, greedy.held, budget.totalBytes]).toEqual([90, 0, 90]);
});

it('add() makes the member that holds the most shed when all together exceed the limit', () => {
  const budget = new ReceiveBudget(100, 150);
  const [modest, greedy] = [member(budget), member(budget)];
  greedy.take(100);
  modest.take(51);
  expect([modest.held, greedy.held, budget.totalBytes]).toEqual([51, 0, 51]);
});
