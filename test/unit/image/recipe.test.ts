import { expect, it } from 'vitest';
import type { Manifest } from '../../../src/image/cache/manifest.ts';
import {
  baseRecipe,
  checkDebianRecipe,
  type DebianRecipe,
  holdsModules,
  wantsModules,
} from '../../../src/image/recipe.ts';
import { entryKeysOf, initramfsKey, kernelKey, rootfsKey } from '../../../src/image/recipe-keys.ts';
import { titleOf } from '../../../src/image/recipe-title.ts';

const RECIPE: DebianRecipe = {
  kind: 'debian',
  arch: 'x86_64',
  release: 'bookworm',
  packages: ['git', 'g++', 'libstdc++6', 'python3.11'],
  mirror: null,
};

const DIGEST = '0'.repeat(64);

it('checkDebianRecipe() accepts usual names', () => {
  expect(() =>
    checkDebianRecipe({ ...RECIPE, mirror: 'https://deb.example.com/debian' }),
  ).not.toThrow();
});

it.each<[string, Partial<DebianRecipe>]>([
  ['a package looks like an option', { packages: ['--hook'] }],
  ['a package is a removal for apt', { packages: ['git-'] }],
  ['a package is a pattern', { packages: ['?essential'] }],
  ['a package is a file', { packages: ['./x.deb'] }],
  ['a package holds a comma', { packages: ['a,b'] }],
  ['a package holds a line feed', { packages: ['git\nx'] }],
  ['a package is empty', { packages: [''] }],
  ['the release is a path', { release: '../x' }],
  ['the release looks like an option', { release: '-x' }],
  ['the mirror is no URL', { mirror: 'deb.example.com' }],
  ['the mirror has another scheme', { mirror: 'copy:/etc' }],
  [
    'the mirror holds a second line',
    { mirror: 'http://deb.example.com/\ndeb http://evil.example.com' },
  ],
  [
    'a locked version is an option',
    { locked: { base: { apt: `-x sha256:${DIGEST}` }, added: {} } },
  ],
  ['a locked name is a path', { locked: { base: {}, added: { '../x': `1 sha256:${DIGEST}` } } }],
  ['a lock has no digest', { locked: { base: { apt: '1' }, added: {} } }],
  ['the mirror holds options', { mirror: 'http://deb.example.com/ [trusted=yes]' }],
])('checkDebianRecipe() throws IMAGE_RECIPE_INVALID when %s', (_, changes) => {
  expect(() => checkDebianRecipe({ ...RECIPE, ...changes })).toThrow(
    expect.objectContaining({ code: 'IMAGE_RECIPE_INVALID' }),
  );
});

it('checkDebianRecipe() does not repeat the password of a mirror', () => {
  const run = (): void =>
    checkDebianRecipe({ ...RECIPE, mirror: 'http://u:secret@m.example.com/ x' });
  expect(run).not.toThrow(/secret/);
  expect(run).toThrow(/m\.example\.com/);
});

it('rootfsKey() depends on packages as a set; kernelKey() does not depend on them', () => {
  const other = { ...RECIPE, packages: ['vim'] };
  expect(rootfsKey({ ...RECIPE, packages: RECIPE.packages.toReversed() })).toBe(rootfsKey(RECIPE));
  expect(rootfsKey(other)).not.toBe(rootfsKey(RECIPE));
  expect(kernelKey(other)).toBe(kernelKey(RECIPE));
});

it.each<[string, Partial<DebianRecipe>]>([
  ['release', { release: 'trixie' }],
  ['mirror', { mirror: 'http://m.example.com/debian' }],
  ['arch', { arch: 'aarch64' }],
])('kernelKey() and rootfsKey() change with the %s', (_, changes) => {
  expect(kernelKey({ ...RECIPE, ...changes })).not.toBe(kernelKey(RECIPE));
  expect(rootfsKey({ ...RECIPE, ...changes })).not.toBe(rootfsKey(RECIPE));
});

it('keys follow the lock: the kernel its own line, the base those of the base, and the image all', () => {
  const kernel = 'linux-image-6.1.0-57-cloud-amd64';
  const at = (version: string) => `${version} sha256:${DIGEST}`;
  const lock = { base: { apt: at('2'), [kernel]: at('6') }, added: { git: at('1') } };
  const locked = { ...RECIPE, locked: lock };
  const newer = (changes: Partial<typeof lock>) => ({ ...RECIPE, locked: { ...lock, ...changes } });
  const keysOf = (recipe: DebianRecipe) => [
    kernelKey(recipe),
    rootfsKey(baseRecipe(recipe) ?? recipe),
    rootfsKey(recipe),
  ];
  const changed = (recipe: DebianRecipe) =>
    keysOf(recipe).map((key, index) => key !== keysOf(locked)[index]);
  expect(changed(RECIPE)).toEqual([true, true, true]);
  expect(changed(newer({ base: { apt: at('2'), [kernel]: at('7') } }))).toEqual([
    ...[true, false, false],
  ]);
  expect(changed(newer({ base: { apt: at('3'), [kernel]: at('6') } }))).toEqual([
    ...[false, true, true],
  ]);
  expect(changed(newer({ added: { git: at('2') } }))).toEqual([false, false, true]);
});

it("holdsModules() takes only those of the image's kernel, where the recipe wants them", () => {
  const wanting = { ...RECIPE, packages: ['git', 'linux-image-cloud-amd64'] };
  const rootfs = (kernelRelease: string): Manifest => ({
    ...{ version: 1, kind: 'rootfs', key: '', title: '', createdAtMs: 0, files: {} },
    kernelRelease,
  });
  expect([wantsModules(wanting), wantsModules(RECIPE)]).toEqual([true, false]);
  expect(holdsModules(wanting, '6.1.0-56', rootfs('6.1.0-56'))).toBe(true);
  expect(holdsModules(wanting, '6.1.0-56', rootfs('6.1.0-55'))).toBe(false);
  expect(holdsModules(wanting, '6.1.0-56', rootfs(''))).toBe(false);
  expect(holdsModules(RECIPE, '6.1.0-56', rootfs(''))).toBe(true);
});

it('initramfsKey() changes with the agent and with the modules', () => {
  expect(
    new Set([initramfsKey('a', 'b'), initramfsKey('a', 'c'), initramfsKey('b', 'b')]).size,
  ).toBe(3);
});

it('entryKeysOf() gives no keys for a path', () => {
  expect(entryKeysOf({ kind: 'path', path: '/x' })).toEqual([]);
  expect(entryKeysOf(RECIPE)).toEqual([kernelKey(RECIPE), rootfsKey(RECIPE)]);
});

it('titleOf() names release and packages', () => {
  expect(titleOf({ ...RECIPE, packages: [] })).toBe('debian bookworm');
  expect(titleOf({ ...RECIPE, packages: ['git', 'vim'] })).toBe('debian bookworm + git, vim');
});
