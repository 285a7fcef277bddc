import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { splitPlainWords } from '../../../src/util/plain-words.ts';
import { shellQuoteArgs } from '../../../src/util/shell-quote-args.ts';

it.each([
  ['git-upload-pack org/a.git', ['git-upload-pack', 'org/a.git']],
  ["git-upload-pack 'org/a b.git'", ['git-upload-pack', 'org/a b.git']],
  ["git-upload-pack 'it'\\''s'", ['git-upload-pack', "it's"]],
  ["git-upload-pack 'a'\\!'b'", ['git-upload-pack', 'a!b']],
  ['  a   "b c"d ""', ['a', 'b cd', '']],
  ['a "x\\"y\\z"', ['a', 'x"y\\z']],
  ["a '$(id);`id`'", ['a', '$(id);`id`']],
])('splitPlainWords(%j)', (line, words) => {
  expect(splitPlainWords(line)).toEqual(words);
});

it.each([
  ...['', '   ', "''", 'a; b', 'a && b', 'a | b', 'a > b', 'a < b', 'a &', '(a)', '{ a; }'],
  ...[
    'a $(id)',
    'a `id`',
    'a $HOME',
    'a "$HOME"',
    'a "`id`"',
    'a *',
    'a ?',
    'a [b]',
    'a ~',
    'a ~/b',
  ],
  ...[
    'A=1 b',
    'a #b',
    'a !b',
    'a "!b"',
    "a 'b",
    'a "b',
    'a \\',
    'a\nb',
    'a\rb',
    'a\tb',
    'a\0b',
    'a ü',
  ],
])('splitPlainWords(%j) is null: a shell would not pass it on unchanged', (line) => {
  expect(splitPlainWords(line)).toBeNull();
});

it('splitPlainWords() reads what shellQuoteArgs() writes', () => {
  const word = fc.string({ minLength: 1 }).filter((text) => !/\p{Cc}/u.test(text));
  const program = word.filter((text) => !text.includes('='));
  fc.assert(
    fc.property(program, fc.array(word), (first, rest) => {
      const words = [first, ...rest];
      expect(splitPlainWords(shellQuoteArgs(words))).toEqual(words);
    }),
  );
});

it('splitPlainWords() never disagrees with sh about the words of a line', () => {
  const character = fc.constantFrom(...'ab/.-_ \'"\\$`;*~!#='.split(''));
  const lines = fc.sample(fc.string({ unit: character, maxLength: 12 }), { numRuns: 400, seed: 7 });
  const split = lines.map((line) => ({ line, words: splitPlainWords(line) }));
  const judged = split.filter(({ words }) => words !== null);
  expect(judged.length).toBeGreaterThan(30);
  // printf repeats its format for each word, so that the empty ones show.
  const script = judged.map(({ line }) => `printf '<%s>' ${line}; echo`).join('\n');
  const output = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n');
  expect(output).toEqual(
    judged.map(({ words }) => (words ?? []).map((one) => `<${one}>`).join('')),
  );
});
