import { expect, it } from 'vitest';
import { describeLock } from '../../../../src/cli/lock-text.ts';
import { packageChanges } from '../../../../src/image/lock/package-changes.ts';

const at = (version: string, digit = '1') => `${version} sha256:${digit.repeat(64)}`;
const BASE = 'debian bookworm amd64';

const describe = (...sets: Parameters<typeof packageChanges>) =>
  describeLock({
    ...{ file: 'gondolin.lock', images: 0, packages: 3, changes: [] },
    packageChanges: packageChanges(...sets),
  }).slice(1);

it('packages are listed as new, gone and of another version', () => {
  const before = { [BASE]: { apt: at('2.6.1'), gone: at('1'), same: at('1') } };
  const after = { [BASE]: { apt: at('2.6.2'), added: at('3'), same: at('1') } };
  expect(describe(before, after)).toEqual([
    `  ~ ${BASE}`,
    '    + added 3',
    '    ~ apt 2.6.1 -> 2.6.2',
    '    - gone 1',
  ]);
  expect(packageChanges(after, after)).toEqual([]);
});

it('a version with other contents shows both digests', () => {
  const lines = describe({ [BASE]: { apt: at('1', 'a') } }, { [BASE]: { apt: at('1', 'b') } });
  expect(lines[1]).toBe(`    ~ apt ${at('1', 'a')} -> ${at('1', 'b')}`);
});

it('an image that gets one more package is compared with what it was', () => {
  const before = { [BASE]: {}, [`${BASE} + git`]: { git: at('1') } };
  const after = { [BASE]: {}, [`${BASE} + git, make`]: { git: at('1'), make: at('4') } };
  expect(describe(before, after)).toEqual([
    `  ~ ${BASE} + git -> ${BASE} + git, make`,
    '    + make 4',
  ]);
});

it('a new set and one that is gone are a line each', () => {
  const sets = { 'alpine 3.23 x86_64': { busybox: at('1') } };
  expect(describe({}, sets)).toEqual(['  + alpine 3.23 x86_64: 1 package']);
  expect(describe(sets, {})).toEqual(['  - alpine 3.23 x86_64: 1 package']);
});
