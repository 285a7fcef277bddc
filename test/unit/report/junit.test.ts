import { expect, it } from 'vitest';
import { junitXml } from '../../../src/report/junit.ts';
import { recordOf, sandboxResult, stepResult } from './run-of-test.ts';

const ERROR = {
  code: 'VM_BOOT_TIMEOUT',
  message: 'the guest was not ready',
  hint: 'Read the console.',
  exit: 125,
  at: null,
  details: null,
  stack: null,
} as const;

it('junitXml() makes a suite of a sandbox and a case of a step, with times in seconds', () => {
  const xml = junitXml(recordOf([sandboxResult([stepResult({ name: 'unit' })])]));
  expect(xml).toContain(
    '<testsuites name="shop" tests="1" failures="0" errors="0" skipped="0" time="5.000">',
  );
  expect(xml).toContain(
    '<testsuite name="app" tests="1" failures="0" errors="0" skipped="0" time="4.000" timestamp="2026-12-01T02:00:01" hostname="app">',
  );
  expect(xml).toContain('<testcase name="unit" classname="app" time="1.500"/>');
});

it('junitXml() counts failures, errors and skips, and puts the output into its case', () => {
  const steps = [
    stepResult({ name: 'bad', status: 'failed', exitCode: 7 }),
    stepResult({ name: 'slow', status: 'timed-out', exitCode: 124 }),
    stepResult({ name: 'lint', status: 'failed', exitCode: 1, isIgnored: true }),
    stepResult({ name: 'late', status: 'skipped', attempts: 0, reason: 'step bad failed' }),
    stepResult({ name: 'stopped', status: 'cancelled' }),
    stepResult({ name: 'kept', isCached: true, attempts: 0 }),
  ];
  const failed = sandboxResult(steps, { status: 'failed', exitCode: 7 });
  const xml = junitXml(recordOf([failed], { bad: 'a < b & "c"\n' }));
  expect(xml).toContain('tests="6" failures="2" errors="1" skipped="2"');
  expect(xml).toContain('<failure message="exit 7" type="exit"></failure>');
  expect(xml).toContain('<failure message="timed out" type="timed-out"></failure>');
  expect(xml).toContain('<skipped message="exit 1, ignored by continue_on_error"/>');
  expect(xml).toContain('<skipped message="step bad failed"/>');
  expect(xml).toContain('<error message="cancelled" type="cancelled"></error>');
  expect(xml).toContain('<property name="cached" value="true"/>');
  expect(xml).toContain('<system-out>a &lt; b &amp; "c"\n</system-out>');
});

it('junitXml() reports a sandbox whose VM did not start as an error of its own', () => {
  const step = stepResult({ name: 'unit', status: 'skipped', attempts: 0, reason: 'no VM' });
  const sandbox = sandboxResult([step], { status: 'failed', exitCode: 125, error: ERROR });
  const xml = junitXml(recordOf([sandbox]));
  expect(xml).toContain('tests="2" failures="0" errors="1" skipped="1"');
  expect(xml).toContain(
    '<error message="the guest was not ready" type="VM_BOOT_TIMEOUT">Read the console.</error>',
  );
});

it('junitXml() leaves out what XML cannot contain: escape sequences, control characters, lone surrogates', () => {
  const text =
    '\u001b[31mred\u001b[0m\u0000\u0007\ud800 50%\r100%\r\n\u001b]8;;http://x\u0007link\u001b]8;;\u0007]]>\n';
  const xml = junitXml(
    recordOf([sandboxResult([stepResult({ name: 'n\u0001"<' })])], { 'n\u0001"<': text }),
  );
  expect(xml).toContain('<system-out>100%\nlink]]&gt;\n</system-out>');
  expect(xml).toContain('name="n&quot;&lt;"');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left.
  expect(xml).not.toMatch(/[\u0000-\u0008\u000b-\u001f]|\p{Cs}/u);
});

it('junitXml() adds the suites of the reports that a guest wrote, with what it wrote escaped', () => {
  const test = {
    suite: 'math',
    className: 'A',
    name: 'adds',
    durationMs: 10,
    message: '',
    text: '',
  };
  const tests = {
    files: 1,
    counts: { passed: 1, failed: 1, error: 0, skipped: 1 },
    cases: [
      { ...test, outcome: 'passed' as const },
      { ...test, outcome: 'failed' as const, message: '"<\u0007', text: ']]> &' },
      { ...test, suite: '', className: '', outcome: 'skipped' as const, durationMs: null },
    ],
  };
  const xml = junitXml(recordOf([sandboxResult([stepResult({ name: 'unit' })], { tests })]));
  expect(xml).toContain('<testsuites name="shop" tests="4" failures="1" errors="0" skipped="1"');
  expect(xml).toContain('<testsuite name="app: math" tests="2" failures="1"');
  expect(xml).toContain('<testcase name="adds" classname="A" time="0.010"/>');
  expect(xml).toContain('<failure message="&quot;&lt;">]]&gt; &amp;</failure>');
  expect(xml).toContain('<testsuite name="app: tests" tests="1"');
  expect(xml).toContain('<testcase name="adds" classname="app">\n      <skipped message=""/>');
});
