import { expect, it } from 'vitest';
import { withDependencies } from '../../../src/plan/with-dependencies.ts';
import { plan, sandbox, step } from '../project/fake-vm.ts';

const on = (...names: string[]) => names.map((name) => ({ name, condition: 'started' as const }));

const PROJECT = plan(
  { ...sandbox('test', [step('a', ''), step('b', '')]), dependsOn: on('web') },
  { ...sandbox('web', []), dependsOn: on('db') },
  sandbox('other', []),
  sandbox('db', [step('setup', '')]),
);

it.each([
  [['test'], ['test', 'web', 'db']],
  [['db'], ['db']],
  [
    ['other', 'web'],
    ['web', 'other', 'db'],
  ],
])('withDependencies() of %j has %j', (names, want) => {
  const chosen = PROJECT.sandboxes.filter(({ name }) => names.includes(name));
  expect(withDependencies(PROJECT, chosen).sandboxes.map(({ name }) => name)).toEqual(want);
});

it('withDependencies() takes the chosen ones as they are given, and the others whole', () => {
  const [test] = PROJECT.sandboxes;
  if (test === undefined) throw new Error('the project has a first sandbox');
  const { sandboxes } = withDependencies(PROJECT, [{ ...test, steps: test.steps.slice(0, 1) }]);
  expect(sandboxes.map(({ steps }) => steps.length)).toEqual([1, 0, 1]);
});
