import { expect, it } from 'vitest';
import { BoundedText, shorten } from '../../../src/report/bounded-text.ts';
import { junitXml } from '../../../src/report/junit.ts';
import { recordOf, sandboxResult, stepResult } from './run-of-test.ts';

it('RunRecorder places sandboxes and steps in time', () => {
  const { sandboxes } = recordOf([
    sandboxResult([stepResult({ name: 'a' }), stepResult({ name: 'b' })]),
  ]);
  expect(sandboxes[0]?.startMs).toBe(1000);
  expect(sandboxes[0]?.steps.map(({ startMs }) => startMs)).toEqual([2000, 3000]);
  expect(sandboxes[0]?.image).toBe('debian');
});

it('RunRecorder keeps the beginning and the end of an output without end', () => {
  const text = `first${'x'.repeat(10_000_000)}last`;
  const record = recordOf([sandboxResult([stepResult({ name: 'a' })])], { a: text });
  const output = record.sandboxes[0]?.steps[0]?.output ?? '';
  expect(output.length).toBeLessThan(140_000);
  expect(output).toMatch(/^first.*\n\[… \d+ characters omitted …\]\n.*last$/s);
});

it('BoundedText returns a short text unchanged, whatever pieces it comes in', () => {
  const text = new BoundedText(4);
  for (const piece of ['ab', '', 'cde', 'fgh']) text.append(piece);
  expect(text.text).toBe('abcdefgh');
  text.append('ijkl');
  expect(text.text).toBe('abcd\n[… 4 characters omitted …]\nijkl');
});

it('shorten() keeps a text within the limit as it is', () => {
  expect(shorten('abc', 3)).toBe('abc');
  expect(shorten('abcdef', 4)).toBe('ab\n[… 2 characters omitted …]\nef');
});

it('a service is one more step of its sandbox, and a report of one that failed has failed', () => {
  const service = {
    status: 'failed',
    exitCode: 3,
    signal: null,
    isOutOfMemory: false,
    restarts: 2,
    durationMs: 9000,
    isStopped: false,
  } as const;
  const steps = [stepResult({ name: 'setup' })];
  const failed = { name: 'db', status: 'failed', exitCode: 3, service } as const;
  const record = recordOf([sandboxResult(steps, failed)]);
  expect(record.sandboxes[0]?.steps.map(({ name, attempts }) => [name, attempts])).toEqual([
    ['setup', 1],
    ['service', 3],
  ]);
  expect(junitXml(record)).toContain('<failure message="exit 3" type="exit">');
});
