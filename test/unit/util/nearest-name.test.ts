import { expect, it } from 'vitest';
import { editDistance, nearestName } from '../../../src/util/nearest-name.ts';

it.each([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['', 'abc', 3],
  ['abc', '', 3],
  ['kitten', 'sitting', 3],
  ['debain', 'debian', 1],
  ['ab', 'ba', 1],
  ['needs', 'need', 1],
])('editDistance(%j, %j) is %i', (a, b, want) => {
  expect(editDistance(a, b)).toBe(want);
  expect(editDistance(b, a)).toBe(want);
});

it.each([
  ['need', ['name', 'run', 'needs'], 'needs'],
  ['IMAGE', ['image'], 'image'],
  ['xyz', ['image', 'steps'], undefined],
  ['a', ['b'], undefined],
  ['', ['abc'], undefined],
  ['image', [], undefined],
  ['x'.repeat(65), ['x'.repeat(64)], undefined],
  ['cat', ['bat', 'hat'], 'bat'],
])('nearestName(%j, %j) is %j', (word, candidates, want) => {
  expect(nearestName(word, candidates)).toBe(want);
});
