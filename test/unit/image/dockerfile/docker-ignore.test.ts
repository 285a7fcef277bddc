import { expect, it } from 'vitest';
import { DockerIgnore } from '../../../../src/image/dockerfile/docker-ignore.ts';

/** Which of these paths are left out. */
function ignored(text: string, paths: readonly string[]): string[] {
  const ignore = new DockerIgnore(text);
  return paths.filter((path) => ignore.ignores(path));
}

it.each([
  [
    'a name is at the top only',
    'node_modules',
    ['node_modules', 'node_modules/a/b'],
    ['src/node_modules'],
  ],
  ['** is any directories, and none', '**/*.log', ['a.log', 'x/y/b.log'], ['a.logs']],
  ['** at the end is everything below', 'dist/**', ['dist/a', 'dist/a/b'], ['dist', 'dist2/a']],
  ['* stays within a name', '*/temp*', ['a/temp1', 'a/temp/x'], ['temp', 'a/b/temp']],
  ['? is one character', 'te?t', ['test', 'text'], ['tet', 'te/t']],
  ['a class', '[a-c].txt', ['a.txt', 'c.txt'], ['d.txt']],
  ['an escape', String.raw`a\*b`, ['a*b'], ['axb']],
  [
    'slashes at both ends, dots and spaces do not count',
    '  ./a//b/../c/  ',
    ['a/c', 'a/c/d'],
    ['a/b'],
  ],
  ['capital letters differ', 'README.md', ['README.md'], ['readme.md']],
  ['characters of regular expressions are plain', 'a+(b).{c}', ['a+(b).{c}'], ['aab']],
])('DockerIgnore: %s', (_what, text, out, kept) => {
  expect(ignored(text, [...out, ...kept])).toEqual(out);
});

it('DockerIgnore lets the last line that matches decide', () => {
  const text = '*\n!src\n**/*.log\n!src/keep.log\n';
  const paths = ['Dockerfile', 'src', 'src/a.js', 'src/x.log', 'src/keep.log', 'other/a'];
  expect(ignored(text, paths)).toEqual(['Dockerfile', 'src/x.log', 'other/a']);
  expect(new DockerIgnore(text).hasExceptions).toBe(true);
});

it('DockerIgnore takes comments, empty lines, a byte order mark, and a pattern that is none', () => {
  expect(ignored('\ufeff# a\r\n\r\n#b\n[z-a]\nb\r\n', ['a', '#b', 'b', '# a'])).toEqual(['b']);
  expect(ignored('!\n/\n.\n..', ['a', '.'])).toEqual([]);
});

it('DockerIgnore takes names of objects as names', () => {
  expect(ignored('constructor', ['constructor', 'toString'])).toEqual(['constructor']);
});
