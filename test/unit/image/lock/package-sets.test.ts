import { expect, it } from 'vitest';
import { packageSetNames } from '../../../../src/image/lock/package-sets.ts';
import type { AlpineRecipe, DebianRecipe } from '../../../../src/image/recipe.ts';

const debian: DebianRecipe = {
  ...{ kind: 'debian', arch: 'x86_64', release: 'bookworm', packages: [], mirror: null },
};
const alpine: AlpineRecipe = {
  ...{ kind: 'alpine', arch: 'aarch64', release: 'bookworm', version: '3.23', branch: null },
  ...{ packages: ['curl'], mirror: null, keys: null },
};

it('packageSetNames() names what was asked for, and the base that images share', () => {
  expect(packageSetNames(debian)).toEqual({ base: null, whole: 'debian bookworm amd64' });
  expect(packageSetNames({ ...debian, packages: ['git', 'make'] })).toEqual({
    base: 'debian bookworm amd64',
    whole: 'debian bookworm amd64 + git, make',
  });
  expect(packageSetNames(alpine)).toEqual({ base: null, whole: 'alpine 3.23 aarch64 + curl' });
});

it('the time and the mirror are part of the name, a password is not', () => {
  const mirror = 'https://user:secret@mirror.example.com/debian';
  const { whole } = packageSetNames({ ...debian, mirror, snapshot: '2026-11-01T00:00:00Z' });
  expect(whole).toBe(
    'debian bookworm amd64 of 2026-11-01T00:00:00Z from https://mirror.example.com/debian',
  );
  expect(packageSetNames({ ...alpine, branch: 'edge', packages: [] }).whole).toBe(
    'alpine 3.23 edge aarch64',
  );
});
