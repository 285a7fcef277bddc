import { expect, it } from 'vitest';
import { planDifferences } from '../../../../src/watch/rules/plan-differences.ts';
import { plan, sandbox, step } from './watched-plan.ts';

const BASE = sandbox([step('one'), step('two')]);

it('planDifferences() gives the first step that differs, and the first of all for another machine', () => {
  const from = (after: typeof BASE) =>
    planDifferences(plan(BASE), plan(after)).map((change) => [change.from, change.isOther]);
  expect(from(BASE)).toEqual([[null, false]]);
  expect(from({ ...BASE, watch: { ...BASE.watch, debounceMs: 1 } })).toEqual([[null, false]]);
  expect(from({ ...BASE, steps: [step('one'), step('two', { cwd: '/' })] })).toEqual([[1, false]]);
  expect(from({ ...BASE, steps: [step('one')] })).toEqual([[1, false]]);
  expect(from({ ...BASE, vm: { ...BASE.vm, cpus: 3 } })).toEqual([[0, true]]);
  expect(from({ ...BASE, name: 'new' })).toEqual([[0, true]]);
});
