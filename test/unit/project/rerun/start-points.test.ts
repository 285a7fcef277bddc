import { expect, it } from 'vitest';
import type { WatchRuleConfig } from '../../../../src/config/config.ts';
import { startPoints } from '../../../../src/project/rerun/start-points.ts';
import { inputs, sandbox, step } from '../../watch/rules/watched-plan.ts';

const STEPS = [
  step('a', { inputs: inputs('x') }),
  step('b', { inputs: inputs('y') }),
  step('c'),
  step('d'),
];

function rule(rest: Partial<WatchRuleConfig>): WatchRuleConfig {
  return { path: '/p', ignore: [], action: 'rerun', from: null, ...rest };
}

it('startPoints() are the steps up to the first that may read any file, and those that rules name', () => {
  expect(startPoints(sandbox(STEPS))).toEqual([0, 1, 2]);
  expect(startPoints(sandbox(STEPS.slice(2)))).toEqual([0]);
  const rules = [rule({ from: 'd' }), rule({ action: 'rebuild' }), rule({ from: 'unknown' })];
  expect(startPoints(sandbox(STEPS, {}, { rules }))).toEqual([0, 3]);
  expect(startPoints(sandbox(STEPS, {}, { rules: [rule({})] }))).toEqual([0, 1, 2]);
  // A sandbox without a service has nothing after its steps.
  expect(startPoints(sandbox(STEPS, {}, { rules: [rule({ action: 'restart' })] }))).toEqual([0]);
});
