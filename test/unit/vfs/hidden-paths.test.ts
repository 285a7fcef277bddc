import { expect, it } from 'vitest';
import { HiddenPaths } from '../../../src/vfs/shadow/hidden-paths.ts';

const parts = (path: string) => path.split('/').filter((name) => name !== '');

it.each([
  ['.env', ['.env', 'a/.env', 'a/.ENV', '.env/below'], ['.envrc', 'x.env', 'env']],
  ['*.pem', ['a.pem', 'x/y/B.PEM', '.pem'], ['a.pem.txt', 'apem']],
  [
    '.git/config',
    ['.git/config', '.GIT/Config'],
    ['sub/.git/config', '.git', '.git/config2', 'config'],
  ],
  ['/key', ['key', 'key/x'], ['a/key']],
  ['./key/', ['key'], ['a/key']],
  ['**/secrets/*.txt', ['secrets/a.txt', 'a/b/secrets/c.txt'], ['secrets/a/b.txt', 'secrets']],
  ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z'], ['z', 'b/z', 'a']],
  ['a/**', ['a/b', 'a/b/c'], ['a', 'b']],
  ['id_?sa', ['id_rsa', 'x/id_dsa'], ['id_sa', 'id_rrsa']],
  ['a+b(c).$', ['a+b(c).$'], ['aab(c).x']],
  ['Geheim.ä', ['x/GEHEIM.Ä'], []],
])('%s hides what it names and nothing else', (pattern, hidden, visible) => {
  const paths = new HiddenPaths([pattern]);
  expect(hidden.filter((path) => !paths.hides(parts(path)))).toEqual([]);
  expect(visible.filter((path) => paths.hides(parts(path)))).toEqual([]);
});

it.each([
  ['.env', 'a', 'b', true],
  ['.git/config', '.git', 'git', false],
  ['.git/config', 'git', '.git', true],
  ['.git/config', 'a', 'b', true],
  ['.git/config', 'a/.git', 'a/x', true],
  ['**/.git/config', 'a/.git', 'a/x', false],
  ['**/.git/config', 'a', 'x', true],
  ['a/**/z', 'a', 'b', false],
  ['a/**/z', 'a/x', 'a/y', true],
  ['a/**/z', 'a/x', 'y', false],
])('with %s a directory may move from %s to %s: %s', (pattern, from, to, isAllowed) => {
  const paths = new HiddenPaths([pattern]);
  const [before, after] = [paths.residue(parts(from)), paths.residue(parts(to))];
  expect([...before].every((state) => after.has(state))).toBe(isAllowed);
});

it.each(['', '/', '..', 'a/../b', './', 'a//b', '!x', '[ab]', '{a,b}', 'a\\b'])(
  '%j is not a pattern',
  (pattern) => {
    expect(() => new HiddenPaths([pattern])).toThrowError(
      expect.objectContaining({ code: 'VM_BAD_OPTION' }),
    );
  },
);
