import { expect, it } from 'vitest';
import { sandboxesNamed } from '../../../src/plan/sandboxes-named.ts';

const ALL = [
  { name: 'db', matrixOf: null },
  { name: 'web-20', matrixOf: 'web' },
  { name: 'web-22', matrixOf: 'web' },
];

it.each([
  ['db', ['db']],
  ['web-22', ['web-22']],
  ['web', ['web-20', 'web-22']],
  ['we', []],
])('sandboxesNamed() finds for %s: %j', (name, names) => {
  expect(sandboxesNamed(ALL, name).map((found) => found.name)).toEqual(names);
});

it('sandboxesNamed() prefers a sandbox of that name to those of a matrix', () => {
  const own = { name: 'web', matrixOf: null };
  expect(sandboxesNamed([...ALL, own], 'web')).toEqual([own]);
});
