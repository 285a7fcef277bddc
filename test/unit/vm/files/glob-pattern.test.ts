import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type GlobState, parseGlob, stepGlob } from '../../../../src/vm/files/glob-pattern.ts';

/** True if a pattern matches a path below the directories where its alternatives start. */
function matches(pattern: string, path: string, dot = false): boolean {
  return parseGlob(pattern).some(({ start, state }) => {
    const below = start === '' || start.endsWith('/') ? start : `${start}/`;
    if (!path.startsWith(below)) return false;
    let states: readonly GlobState[] = [state];
    let isMatch = false;
    for (const name of path.slice(below.length).split('/')) {
      ({ states, isMatch } = stepGlob(states, name, dot));
    }
    return isMatch;
  });
}

it.each([
  ['*.ts', 'a.ts', true],
  ['*.ts', 'a/b.ts', false],
  ['*.ts', '.a.ts', false],
  ['.*', '.a', true],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['/src/**/*.ts', '/src/a.ts', true],
  ['/src/**/*.ts', '/src/a/b/c.ts', true],
  ['/src/**/*.ts', '/src/a/.b/c.ts', false],
  ['/src/**/*.ts', '/other/a.ts', false],
  ['**', 'a/b', true],
  ['a/**/b/**/c', 'a/x/b/c', true],
  ['a/**/b/**/c', 'a/x/c', false],
  ['**/**/c', 'c', true],
  ['[a-c]1', 'b1', true],
  ['[!a-c]1', 'b1', false],
  ['[]x]1', ']1', true],
  ['{a,b{c,d}}.js', 'bd.js', true],
  ['{a,b{c,d}}.js', 'b.js', false],
  ['src/{a,b}/*', 'src/b/x', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['/etc/hostname', '/etc/hostname', true],
  ['/etc/hostname', '/etc/hosts', false],
  ['😀?', '😀😀', true],
])('the pattern %s and the path %s: %s', (pattern, path, expected) => {
  expect(matches(pattern, path)).toBe(expected);
});

it('with dot, wildcards match names that begin with a dot', () => {
  expect(matches('/a/**/*', '/a/.b/.c', true)).toBe(true);
});

it('a search starts where the first wildcard is', () => {
  const starts = (pattern: string) => parseGlob(pattern).map(({ start }) => start);
  expect(starts('/a/b/*.c')).toEqual(['/a/b']);
  expect(starts('/*')).toEqual(['/']);
  expect(starts('*')).toEqual(['']);
  expect(starts('/a/b')).toEqual(['/a']);
});

it('a pattern of many alternatives is VM_BAD_OPTION', () => {
  expect(() => parseGlob('{a,b}'.repeat(9))).toThrow(
    expect.objectContaining({ code: 'VM_BAD_OPTION' }),
  );
});

it('any pattern matches any name in a bounded number of steps', () => {
  const nasty = fc.string({
    unit: fc.constantFrom('*', '?', 'a', '[', ']', '{', ',', '}', '\\'),
    maxLength: 30,
  });
  fc.assert(
    fc.property(
      nasty,
      fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 200 }),
      (one, name) => {
        for (const { state } of parseGlob(one)) stepGlob([state], name, false);
      },
    ),
  );
  expect(matches(`${'*a'.repeat(100)}b`, 'a'.repeat(255))).toBe(false);
});

it('a literal text matches itself and nothing else', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-'), minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(text, text, (pattern, name) => {
      expect(matches(pattern, name)).toBe(pattern === name);
    }),
  );
});
