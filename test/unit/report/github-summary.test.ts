import { expect, it } from 'vitest';
import { githubAnnotations, githubSummary } from '../../../src/report/github-summary.ts';
import { recordOf, sandboxResult, stepResult } from './run-of-test.ts';

const failed = sandboxResult(
  [stepResult({ name: 'a|b' }), stepResult({ name: 'c, d: 100%', status: 'failed', exitCode: 2 })],
  { status: 'failed', exitCode: 2 },
);

it('githubSummary() is a table in which no name is markup', () => {
  const text = githubSummary(recordOf([failed]));
  expect(text).toContain('### ❌ shop: failed in 5.0s');
  expect(text).toContain('| app | a&#124;b | ✅ | 1.5s |');
  expect(text).toContain('| app | c, d: 100% | ❌ exit 2 | 1.5s |');
});

it('githubAnnotations() has a command for each failure, with its values escaped', () => {
  expect(githubAnnotations(recordOf([failed]))).toBe(
    '::error title=app c%2C d%3A 100%25::exit 2\n',
  );
  expect(githubAnnotations(recordOf([sandboxResult([stepResult({ name: 'a' })])]))).toBe('');
});
