import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../../src/config/config-error.ts';
import type { Issue } from '../../../../src/config/issue.ts';
import { parseYaml } from '../../../../src/config/yaml/parse-yaml.ts';
import { placeAt, toPlain } from '../../../../src/config/yaml/source-node.ts';
import { errorOf, issuesOfText, readText } from '../../../fixtures/project-text.ts';

/** Plain data and issue codes of a YAML text. */
function parse(text: string) {
  const issues: Issue[] = [];
  const node = parseYaml({ path: '/p/x.yaml', text }, issues);
  return { plain: node && toPlain(node), codes: issues.map(({ code }) => code) };
}

describe('parseYaml()', () => {
  it.each([
    ['a: 1\nb: [x, 2, true, null]\n', { a: 1, b: ['x', 2, true, null] }],
    ['a: yes\nb: on\nc: 010\n', { a: 'yes', b: 'on', c: 10 }],
    ['a: 1000:1000\n', { a: '1000:1000' }],
    ['a: 2026-01-01\n', { a: '2026-01-01' }],
    ['a: |\n  x\n  y\n', { a: 'x\ny\n' }],
    ['1: x\ntrue: y\n', { 1: 'x', true: 'y' }],
    ['b: &x { k: 1 }\na: *x\n', { b: { k: 1 }, a: { k: 1 } }],
    ['b: &x { k: 1, l: 2 }\na: { <<: *x, k: 3 }\n', { b: { k: 1, l: 2 }, a: { k: 3, l: 2 } }],
    [
      'p: &p {k: 1}\nq: &q {k: 2, m: 3}\na: { <<: [*p, *q] }\n',
      { p: { k: 1 }, q: { k: 2, m: 3 }, a: { k: 1, m: 3 } },
    ],
  ])('reads %j', (text, want) => {
    const { plain, codes } = parse(text);
    expect(codes).toEqual([]);
    expect(JSON.parse(JSON.stringify(plain))).toEqual(want);
  });

  it.each(['', '# only a comment\n'])('gives nothing for %j', (text) => {
    expect(parse(text)).toEqual({ plain: undefined, codes: [] });
  });

  it.each([
    ['a: [1\nb: 2\n', 'yaml_syntax'],
    ['a: "x\n', 'yaml_syntax'],
    ['a:\n\t- b\n', 'yaml_syntax'],
    ['a: !custom x\n', 'yaml_syntax'],
    ['? [a, b]\n: c\n', 'yaml_syntax'],
    ['a: 1\na: 2\n', 'duplicate_key'],
    ['a: &a [*a]\n', 'yaml_limit'],
    ['<<: 3\n', 'wrong_type'],
  ])('reports %j as %s', (text, code) => {
    expect(parse(text).codes).toContain(code);
  });

  it.each([
    ['brackets', '['.repeat(200_000)],
    ['maps', '{a: '.repeat(50_000)],
    ['list marks', '- '.repeat(200_000)],
    ['key marks', '? '.repeat(200_000)],
    ['indentation', `${Array.from({ length: 400 }, (_, n) => `${' '.repeat(n)}a:`).join('\n')}\n`],
  ])('refuses %s nested without end, and the process lives', (_name, text) => {
    expect(parse(text).codes).toEqual(['yaml_limit']);
  });

  it('refuses aliases that expand to more than 50,000 values', () => {
    const levels = ['a', 'b', 'c', 'd', 'e', 'f'].map((name, n) => {
      const below = n === 0 ? 'x' : `*${'abcdef'[n - 1]}`;
      return `${name}: &${name} [${Array(10).fill(below).join(', ')}]`;
    });
    expect(parse(levels.join('\n')).codes).toEqual(['yaml_limit']);
  });

  it('takes a long flat list and a deeply indented script', () => {
    expect(parse(`a: [${Array(20_000).fill('x').join(',')}]`).codes).toEqual([]);
    expect(parse(`a: |\n  x\n${' '.repeat(400)}y\n`).codes).toEqual([]);
  });

  it('never throws, whatever the text', () => {
    const piece = fc.constantFrom(
      'a',
      ': ',
      '- ',
      '\n',
      '  ',
      '[',
      ']',
      '{',
      '}',
      '&a ',
      '*a',
      '<<',
      '"',
      "'",
      '|',
      '!',
      '%',
      '?',
      '#',
      '\t',
      '\0',
      '😀',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => void parse(pieces.join(''))),
      {
        numRuns: 500,
      },
    );
  });
});

it('a project of any text is either a Config or a ConfigError', () => {
  const piece = fc.constantFrom(
    'image',
    'steps',
    'run',
    'env',
    ': ',
    '- ',
    '\n',
    '  ',
    '[',
    ']',
    '{',
    '}',
    'x',
    '1',
    '${A}',
    '"',
    '&a ',
    '*a',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
      try {
        readText(pieces.join(''));
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    }),
    { numRuns: 100 },
  );
}, 30_000);

it.each([
  [0, 1, 1],
  [2, 1, 3],
  [3, 2, 1],
  [6, 3, 1],
  [8, 4, 1],
  [9, 4, 2],
])('placeAt() offset %i is line %i, column %i', (offset, line, col) => {
  expect(placeAt({ path: '/x', text: 'ab\ncd\ne\rfg'.replace('cd\n', 'c\r\n') }, offset)).toEqual({
    file: '/x',
    line,
    col,
  });
});

it('a duplicate key names the line of the first', () => {
  const [issue] = errorOf('image: debian\nsteps: [a]\nimage: x\n');
  expect(issue).toMatchObject({ code: 'duplicate_key', at: { line: 3, col: 1 } });
  expect(issue?.message).toContain('line 1');
});

it('an alias may bring a whole sandbox, with places in the anchor', () => {
  const text = 'x-base: &base\n  image: debain\nsandboxes:\n  a: *base\n';
  expect(issuesOfText(text)).toEqual(['2:10 unknown_image']);
});
