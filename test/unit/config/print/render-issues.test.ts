import { expect, it } from 'vitest';
import { ConfigError } from '../../../../src/config/config-error.ts';
import { type Issue, sortIssues } from '../../../../src/config/issue.ts';
import { type IssuePart, renderIssues } from '../../../../src/config/print/render-issues.ts';

const issue = (
  line: number,
  col: number,
  facts: Partial<Issue> = {},
  file = '/p/g.yaml',
): Issue => ({
  code: 'unknown_key',
  message: 'unknown key',
  hint: 'Remove it.',
  at: { file, line, col },
  ...facts,
});

it('renderIssues() shows the place, the line with a caret, and the next move', () => {
  const sources = new Map([['/p/g.yaml', 'image: debian\nsteps:\n  - comand: x\n']]);
  expect(renderIssues([issue(3, 5)], { sources, relativeTo: '/p' })).toBe(
    [
      'g.yaml:3:5: unknown key',
      '  3 |   - comand: x',
      '    |     ^^^^^^',
      '  next: Remove it.',
    ].join('\n'),
  );
});

it('renderIssues() keeps tabs above the caret and takes any line end', () => {
  const sources = new Map([['/p/g.yaml', 'a: 1\r\nb:\t\tx\r\n']]);
  const lines = renderIssues([issue(2, 5)], { sources }).split('\n');
  expect(lines.slice(1, 3)).toEqual(['  2 | b:\t\tx', '    |   \t\t^']);
});

it('renderIssues() shows no excerpt without a source or of a very long line', () => {
  const sources = new Map([['/p/g.yaml', 'x'.repeat(500)]]);
  expect(renderIssues([issue(1, 1)], { sources }).split('\n')).toHaveLength(2);
  expect(renderIssues([issue(1, 1)], { sources: new Map() }).split('\n')).toHaveLength(2);
});

it('renderIssues() lets no control character through', () => {
  const sources = new Map([['/p/g.yaml', 'a: \u001b[31mred\u009b']]);
  const text = renderIssues([issue(1, 1, { message: 'bad \u001b]0;x\u0007' })], { sources });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the very thing that is tested
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});

it('renderIssues() colours only through its caller', () => {
  const seen: IssuePart[] = [];
  const style = (part: IssuePart, text: string) => {
    seen.push(part);
    return `<${text}>`;
  };
  renderIssues([issue(1, 1)], { sources: new Map([['/p/g.yaml', 'a']]), style });
  expect(new Set(seen)).toEqual(new Set(['place', 'message', 'excerpt', 'caret', 'hint']));
});

it('sortIssues() sorts by file, line and column, and drops repeats', () => {
  const other = '/p/b.yaml';
  const given = [issue(2, 1, {}, other), issue(3, 1), issue(1, 9), issue(1, 2), issue(3, 1)];
  const places = sortIssues(given, ['/p/g.yaml', other]).map(
    ({ at }) => `${at.file}:${at.line}:${at.col}`,
  );
  expect(places).toEqual(['/p/g.yaml:1:2', '/p/g.yaml:1:9', '/p/g.yaml:3:1', '/p/b.yaml:2:1']);
});

it('ConfigError carries all issues and names the first', () => {
  const error = new ConfigError([issue(1, 2), issue(3, 4)], new Map());
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', exit: 2, details: { issues: 2 } });
  expect(error.message).toBe('/p/g.yaml:1:2: unknown key (and 1 more)');
  expect(error.at).toEqual({ file: '/p/g.yaml', line: 1, col: 2 });
});
